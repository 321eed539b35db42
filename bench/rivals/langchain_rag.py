"""Retrieval as LangChain's documentation shows it, for `bench.retrieval`; see requirements-langchain.txt.

Markdown goes through MarkdownHeaderTextSplitter and RecursiveCharacterTextSplitter, as on its page "Split markdown"; web pages
through HTMLHeaderTextSplitter and the same; all other text through the latter alone. Chunks of 1,000 characters that overlap
by 200 are those of its tutorial on RAG; the setting `fitted` takes 800 and 100, so that the model reads nearly all of
each. The store is Chroma in a folder. What a model sees of a passage is `Source: ...` and `Content: ...`, as in the tutorial.
"""

from pathlib import Path
from typing import Any

from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import HTMLHeaderTextSplitter, MarkdownHeaderTextSplitter, RecursiveCharacterTextSplitter
from protocol import Contest

SETTINGS = {"documented": (1000, 200), "fitted": (800, 100)}
LEVELS = range(1, 5)
BATCH = 5000  # Chroma takes no more at a time


def by_headings(path: Path, text: str) -> list[Document]:
    """Return the sections of a file."""
    if path.suffix in {".md", ".mdx", ".markdown"}:
        marks = [("#" * level, f"Header {level}") for level in LEVELS]
        return list(MarkdownHeaderTextSplitter(marks, strip_headers=False).split_text(text))
    if path.suffix in {".html", ".htm"}:
        tags = [(f"h{level}", f"Header {level}") for level in LEVELS]
        return list(HTMLHeaderTextSplitter(tags).split_text(text))
    return [Document(page_content=text)]


def main() -> None:
    """Do the job."""
    contest = Contest()
    size, overlap = SETTINGS[contest.job["setting"]]
    embeddings = HuggingFaceEmbeddings(model_name=contest.job["model"])
    embeddings.embed_query("warm up")
    contest.loaded()
    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap)
    chunks: list[Any] = []
    for path in contest.files():
        sections = by_headings(path, path.read_text(encoding="utf-8", errors="replace"))
        for section in sections:
            section.metadata["source"] = str(path.relative_to(contest.docs))
        chunks += splitter.split_documents(sections)
    store = Chroma("docs", embeddings, persist_directory=contest.job["store"])
    for start in range(0, len(chunks), BATCH):
        store.add_documents(chunks[start : start + BATCH])
    contest.ingested(len(chunks))

    def search(query: str) -> list[str]:
        found = store.similarity_search(query, k=contest.job["k"])
        return [f"Source: {document.metadata}\nContent: {document.page_content}" for document in found]

    contest.answer(
        search, "langchain-core", "langchain-chroma", "langchain-huggingface", "langchain-text-splitters", "chromadb"
    )


if __name__ == "__main__":
    main()
