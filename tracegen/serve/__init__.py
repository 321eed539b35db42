"""The tool in production, as it was in training: over MCP, over plain HTTP, and a check that nothing has changed since.

    answer.py   a call, well-formed or not -> the text that goes back
    mcp.py      the Model Context Protocol: stdio, and an app for HTTP
    http.py     the HTTP process: MCP at /mcp, and /tools, /call, /health for everybody else
    verify.py   the searches of a run, made again and compared

Importing this package loads nothing of all that.
"""
