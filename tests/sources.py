"""What modules import, read off their source: also what they import by a name that stands in it."""

import ast

_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def imports(source, *, at_once=False):
    """Return the names of all that a module imports, or of what it does `at_once`, when imported.

    What only type checkers see is left out. `from a import b` is both `a` and `a.b`; of a name that
    is put together it is what comes before the first part that only a run could tell.
    """
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(node.value, ast.Constant)
    }
    found = set()
    for node in _nodes(tree, at_once=at_once):
        match node:
            case ast.Import():
                found.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                assert node.level == 0, f"line {node.lineno}: relative import"
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
            case ast.Call(
                func=ast.Name("import_module") | ast.Attribute(attr="import_module"),
                args=[named],
            ):
                found.add(_beginning(named, constants))
    return found - {""}


def _nodes(node, *, at_once):
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        inner = node.orelse
    elif at_once and isinstance(node, _LATER):
        inner = []
    else:
        inner = ast.iter_child_nodes(node)
    yield node
    for one in inner:
        yield from _nodes(one, at_once=at_once)


def _beginning(named, constants):
    text = ""
    for part in named.values if isinstance(named, ast.JoinedStr) else [named]:
        match part:
            case ast.Constant(str(value)):
                text += value
            case ast.FormattedValue(ast.Name(name)) | ast.Name(name) if name in constants:
                text += constants[name]
            case _:
                break
    return text
