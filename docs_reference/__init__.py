"""The reference pages of the documentation, written from the code; ``python -m docs_reference`` makes them.

Each module makes one page and has a function ``page()`` that gives its Markdown.
"""
