"""What a definition is in each language, as data: the grammar that reads it and the kinds of its nodes."""

import re
from dataclasses import dataclass

import tree_sitter

OTHER_NAMES = ("left", "key", "property")  # fields that hold the name where `name` does not
SQL_NAMES = ("object_reference", "identifier")
RECEIVER = re.compile(r"\*?\s*(\w+)(?:\[[^\]]*\])?\s*\)$")
LONGEST_NAME = 400  # characters
DEEPEST_DECLARATOR = 20  # `int (*(*f)(void))[3]` goes three deep

C_COMMENTS = ("//", "/*", "* ", "*/", "*\t")
FUNCTIONS = {"arrow_function", "function_expression", "generator_function"}
# These define something only when a function is what they give a name to: the field it stands in.
ASSIGNED = {
    "variable_declarator": "value",
    "assignment_expression": "right",
    "pair": "value",
    "field_definition": "value",
    "public_field_definition": "value",
}
# These name a type that is defined elsewhere, unless they have a body.
WITH_BODY = {"class_specifier", "struct_specifier", "union_specifier", "enum_specifier", "mod_item"}

SCRIPT = (
    "method_definition function_declaration generator_function_declaration variable_declarator"
    " assignment_expression pair field_definition"
)
TYPED = (
    f"{SCRIPT} public_field_definition interface_declaration type_alias_declaration"
    " enum_declaration function_signature abstract_method_signature"
)
TYPED_HOLDERS = "class_declaration abstract_class_declaration internal_module module"
C_KINDS = "function_definition type_definition enum_specifier preproc_function_def"


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language. leaves: the kinds of definitions; holders: of those in which definitions count, too.

    leading: how a line begins that belongs to the definition below it.
    """

    module: str
    leaves: str
    holders: str = ""
    leading: tuple[str, ...] = C_COMMENTS
    function: str = "language"

    def kinds(self) -> dict[str, bool]:
        """The kinds of definitions, and whether they hold others."""
        return dict.fromkeys(self.leaves.split(), False) | dict.fromkeys(self.holders.split(), True)

    @staticmethod
    def defines(node: tree_sitter.Node) -> bool:
        """Whether a node of these kinds really defines something."""
        if node.type in WITH_BODY:
            return node.child_by_field_name("body") is not None
        if field := ASSIGNED.get(node.type):
            value = node.child_by_field_name(field)
            return value is not None and value.type in FUNCTIONS
        return True

    @staticmethod
    def name_of(node: tree_sitter.Node, text: str) -> str:
        """What a reader calls this definition. text: the file, a letter for each byte that the tree knows."""
        return " ".join(_name(node, text).split())


def _name(node: tree_sitter.Node, text: str) -> str:
    name = _field(node, "name", text)
    if node.type == "impl_item":
        trait, of = _field(node, "trait", text), _field(node, "type", text)
        return f"{trait} for {of}" if trait else of
    if node.type == "method_declaration" and (receiver := _field(node, "receiver", text)):
        owner = RECEIVER.search(receiver)
        return f"{owner[1]}.{name}" if owner else name
    others = (_field(node, field, text) for field in OTHER_NAMES)
    return name or next(filter(None, others), "") or _declared(node, text) or _made(node, text)


def _declared(node: tree_sitter.Node, text: str) -> str:
    """The name in a declarator of C: the pointers and parameters around it left out."""
    inner = node.child_by_field_name("declarator")
    for _ in range(DEEPEST_DECLARATOR):
        if inner is None:
            return ""
        deeper = inner.child_by_field_name("declarator")
        if deeper is None and inner.type in ("reference_declarator", "parenthesized_declarator"):
            deeper = inner.named_child(0) if inner.named_child_count else None
        if deeper is None:
            return _words(inner, text)
        inner = deeper
    return ""


def _made(node: tree_sitter.Node, text: str) -> str:
    """The table, view or function that a statement of SQL makes."""
    names = (child for child in node.named_children[:12] if child.type in SQL_NAMES)
    return next((_words(child, text) for child in names), "")


def _field(node: tree_sitter.Node, name: str, text: str) -> str:
    child = node.child_by_field_name(name)
    return _words(child, text) if child is not None else ""


def _words(node: tree_sitter.Node, text: str) -> str:
    return text[node.start_byte : min(node.end_byte, node.start_byte + LONGEST_NAME)]


GRAMMARS = {
    "python": Grammar("tree_sitter_python", "function_definition", "class_definition", ("#", "@")),
    "javascript": Grammar(
        "tree_sitter_javascript", SCRIPT, "class_declaration", (*C_COMMENTS, "@")
    ),
    "typescript": Grammar(
        "tree_sitter_typescript", TYPED, TYPED_HOLDERS, (*C_COMMENTS, "@"), "language_typescript"
    ),
    "tsx": Grammar(
        "tree_sitter_typescript", TYPED, TYPED_HOLDERS, (*C_COMMENTS, "@"), "language_tsx"
    ),
    "go": Grammar("tree_sitter_go", "function_declaration method_declaration type_spec type_alias"),
    "rust": Grammar(
        "tree_sitter_rust",
        "function_item struct_item enum_item union_item type_item macro_definition",
        "impl_item trait_item mod_item",
        (*C_COMMENTS, "#[", "#!["),
    ),
    "java": Grammar(
        "tree_sitter_java",
        "method_declaration constructor_declaration annotation_type_declaration",
        "class_declaration interface_declaration enum_declaration record_declaration",
        (*C_COMMENTS, "@"),
    ),
    "c": Grammar("tree_sitter_c", f"{C_KINDS} struct_specifier union_specifier"),
    "cpp": Grammar(
        "tree_sitter_cpp",
        C_KINDS,
        "class_specifier struct_specifier union_specifier namespace_definition",
        (*C_COMMENTS, "template"),
    ),
    "sql": Grammar(
        "tree_sitter_sql",
        "create_table create_view create_materialized_view create_function create_procedure"
        " create_index create_trigger create_type create_schema create_sequence",
        leading=("--", "/*", "* ", "*/"),
    ),
    "shell": Grammar("tree_sitter_bash", "function_definition", leading=("#",)),
}
