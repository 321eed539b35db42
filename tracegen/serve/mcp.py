"""The tool over MCP, by the official SDK; its low-level server leaves name, description and schema as they are."""

from typing import Any

from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from tracegen.serve.answer import Served, answer


def mcp_server(served: Served) -> Server[Any]:
    """Return a server that offers the tool, and nothing else."""
    tool = Tool(
        name=served.tool.name,
        description=served.tool.description,
        input_schema=served.tool.parameters,
        # Clients ask a person before a call that may change something; this one cannot.
        annotations=ToolAnnotations(read_only_hint=True),
    )

    async def list_tools(context: ServerRequestContext[Any], params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[tool])

    async def call_tool(context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        returned = await answer(served, params.name, params.arguments or {})
        return CallToolResult(content=[TextContent(text=returned.text)], is_error=returned.error)

    return Server("tracegen", version=served.version, on_list_tools=list_tools, on_call_tool=call_tool)


async def serve_stdio(served: Served) -> None:
    """Serve over standard input and output until the input ends."""
    server = mcp_server(served)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
