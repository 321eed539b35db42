"""Retrieval as LlamaIndex's documentation shows it, for `bench.retrieval`; see requirements-llamaindex.txt.

Files are read as they are, as its FlatReader does; Markdown goes through MarkdownNodeParser, web pages through HTMLNodeParser,
and all through SentenceSplitter, by default 1,024 tokens with an overlap of 200; the setting `fitted` takes 256 and 20, what
the model reads. The store is Chroma in a folder. What a model sees of a passage is its text with its metadata.
"""

from pathlib import Path
from typing import Any

import chromadb
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.node_parser import HTMLNodeParser, MarkdownNodeParser, SentenceSplitter
from llama_index.core.schema import MetadataMode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.chroma import ChromaVectorStore
from protocol import Contest

SETTINGS = {"documented": {}, "fitted": {"chunk_size": 256, "chunk_overlap": 20}}


def by_headings(path: Path, document: Document) -> list[Any]:
    """Return the sections of a file."""
    if path.suffix in {".md", ".mdx", ".markdown"}:
        return list(MarkdownNodeParser().get_nodes_from_documents([document]))
    if path.suffix in {".html", ".htm"}:
        return list(HTMLNodeParser().get_nodes_from_documents([document]))
    return [document]


def main() -> None:
    """Do the job."""
    contest = Contest()
    model = HuggingFaceEmbedding(model_name=contest.job["model"])
    model.get_query_embedding("warm up")
    contest.loaded()
    splitter = SentenceSplitter(**SETTINGS[contest.job["setting"]])
    nodes: list[Any] = []
    for path in contest.files():
        text = path.read_text(encoding="utf-8", errors="replace")
        document = Document(text=text, metadata={"filename": str(path.relative_to(contest.docs)), "extension": path.suffix})
        nodes += splitter(by_headings(path, document))
    client = chromadb.PersistentClient(contest.job["store"])
    store = ChromaVectorStore(chroma_collection=client.get_or_create_collection("docs"))
    index = VectorStoreIndex(nodes, storage_context=StorageContext.from_defaults(vector_store=store), embed_model=model)
    contest.ingested(len(nodes))
    retriever = index.as_retriever(similarity_top_k=contest.job["k"])

    def search(query: str) -> list[str]:
        return [found.node.get_content(metadata_mode=MetadataMode.LLM) for found in retriever.retrieve(query)]

    packages = ("llama-index-core", "llama-index-embeddings-huggingface", "llama-index-vector-stores-chroma", "chromadb")
    contest.answer(search, *packages)


if __name__ == "__main__":
    main()
