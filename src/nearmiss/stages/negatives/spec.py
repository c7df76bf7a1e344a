"""Names and typed options of the methods that generate negatives. Each method is a package in this folder."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from nearmiss.base.typed import Typed
from nearmiss.engine.formats.names import Read

Concept = Literal["object", "color", "size", "location"]


def _not_renamed(value: Any) -> Any:
    if value == "faithful":
        raise PydanticCustomError("renamed", "the mode 'faithful' is called 'released'")
    return value


Mode = Annotated[Literal["default", "released"], BeforeValidator(_not_renamed)]
Wording = Annotated[
    Literal["fixed", "varied"],
    Field(
        description="fixed: as the method words it; varied: pairs of relation statements are written in several "
        "templates, some fronted, as captions of the method. Unchecked negatives keep their words."
    ),
]
MaxGap = Annotated[
    float | None,
    Field(
        gt=0,
        description="Reject a negative if its edited words are less likely than those of its caption by more than this "
        "(natural logarithm, pairs of neighboring words counted on the captions); null for no limit.",
    ),
]
RewriteKind = Literal["object", "attribute", "action", "relation", "count"]
Slot = Literal["relation", "attribute", "object", "action"]
SpanClass = Literal["NP", "VP", "NN", "NNS", "ADJ", "ADV"]
TrainingParaphrase = Literal["synonym", "conjunction"]
EvaluationParaphrase = Literal["inverse"]  # training and evaluation share no operator
GraphType = Literal[
    "attribute",
    "object",
    "attribute_subg",
    "relation_subj",
    "relation_obj",
    "relation_pred",
    "relation_attr_subj",
    "relation_attr_obj",
    "relation_attr_pred",
    "obj_count",
    "obj_comp_count",
    "obj_verify_count",
    "obj_verify_count_attr",
    "and_logic_attr",
    "and_logic_rel",
    "xor_logic_attr",
    "xor_logic_rel",
]


class RandomConfig(Typed):
    """Captions of other images, checked against the annotations: the control for text count without hardness."""

    method: Literal["random"] = "random"
    per_caption: int = Field(4, ge=1, description="Negatives for each caption.")
    wording: Wording = "fixed"


class KeywordConfig(Typed):
    """Keyword substitution (Rösch et al., ALVR 2024)."""

    method: Literal["keyword"] = "keyword"
    concepts: list[Concept] = Field(
        ["object", "color", "size", "location"], description="Concepts whose keywords are substituted."
    )
    per_caption: int = Field(4, ge=1, description="At most this many negatives for each caption (our choice).")
    edits_at_once: int = Field(1, ge=1, description="Keywords that each negative replaces (our choice).")
    object_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest share of negatives that replace an object, as estimated from the keywords of all "
        "captions; 1 for no limit. Most captions name objects and nothing else.",
    )
    max_gap: MaxGap = None
    wording: Wording = "fixed"


class SceneGraphConfig(Typed):
    """Captions and negatives from scene graphs (HNC, CoNLL 2023)."""

    method: Literal["scene_graph"] = "scene_graph"
    mode: Mode = Field(
        "default",
        description="default: corrected; released: as the code of the paper, defects included; all pairs of the given "
        "types, unchecked.",
    )
    types: list[GraphType] = Field(
        ["attribute", "relation_attr_pred", "object", "relation_attr_pred", "obj_count"],
        min_length=1,
        description="Caption types, by the names of the paper; a type that is given twice has two turns. In a graph "
        "without attributes, relation_attr_* is relation_*.",
    )
    per_image: int = Field(8, ge=1, description="At most this many pairs for each image.")
    reversed_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of replaced predicates that become the opposite predicate, where there is one.",
    )
    wording: Wording = "varied"
    inverse_positives: bool = Field(
        True,
        description='Also write the inverse of each relation ("b below a" for "a above b") as a hard positive, for '
        "arms with the term hard_positive. With such an arm, items that compare with inverse statements (form 1x3 of "
        "the world) are no test of an operator that training lacks.",
    )


class ReplaceConfig(Typed):
    """Four negatives per caption from part-of-speech tags (CE-CLIP, CVPR 2024)."""

    method: Literal["replace"] = "replace"
    mode: Mode = Field(
        "default", description="default: corrected and checked; released: as the code of the paper, defects included."
    )
    slots: list[Slot] = Field(["relation", "attribute", "object", "action"], description="Slots, in the paper's order.")
    tagger: str | None = Field(
        None, description="A spaCy pipeline that tags the captions, by name or folder; null for that of the world."
    )
    language_model: str | None = Field(
        None,
        description="A masked language model that fills the gaps, by name or folder (the paper's is "
        "distilroberta-base); null for counts on the captions.",
    )
    fills: int = Field(10, ge=1, description="Number of likely fills of a gap among which one is drawn.")
    fill_margin: float | None = Field(
        None,
        gt=0,
        description="With language_model: a fill may be less likely than the original word by at most this (natural "
        "logarithm); null for no limit.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Device of the language model; auto takes a GPU where there is one."
    )
    max_gap: MaxGap = None
    wording: Wording = "fixed"


class SwapConfig(Typed):
    """Exchange of two spans of one class (NegCLIP, ICLR 2023)."""

    method: Literal["swap"] = "swap"
    classes: list[SpanClass] = Field(
        ["NP", "VP", "NN", "NNS", "ADJ", "ADV"],
        min_length=1,
        description="Classes of spans: noun and verb phrases, nouns in either number, adjectives, adverbs.",
    )
    per_caption: int = Field(4, ge=1, description="At most this many negatives for each caption (our choice).")
    tagger: str | None = Field(
        None, description="A spaCy pipeline that tags the captions, by name or folder; null for that of the world."
    )
    max_gap: MaxGap = None
    wording: Wording = "fixed"


class RewriteConfig(Typed):
    """Negatives written by an instruction model behind an OpenAI-compatible endpoint, local or remote."""

    method: Literal["rewrite"] = "rewrite"
    endpoint: str = Field("http://localhost:8000/v1", description="Address of the endpoint, without /chat/completions.")
    model: str | None = Field(None, description="Name of the model, as the endpoint knows it; required.")
    kinds: list[RewriteKind] = Field(
        ["object", "attribute", "action", "relation", "count"],
        min_length=1,
        description="Kinds of changes that are requested.",
    )
    per_caption: int = Field(4, ge=1, description="Negatives that are requested for each caption.")
    temperature: float = Field(0.7, ge=0, description="Sampling temperature.")
    max_tokens: int = Field(512, ge=1, description="Largest number of tokens of an answer.")
    response_format: Literal["json_object"] | None = Field(
        "json_object",
        description="Form of the answer that the endpoint enforces; null for endpoints that support none.",
    )
    max_changed: float = Field(0.5, gt=0, le=1, description="Largest share of a negative's words that are new.")
    max_gap: MaxGap = None
    concurrency: int = Field(8, ge=1, description="Requests that are made at the same time.")
    timeout: float = Field(60, gt=0, description="Seconds to wait for an answer.")
    attempts: int = Field(5, ge=1, description="Attempts of a request; a wait that doubles is between them.")
    first_wait: float = Field(1.0, ge=0, description="Seconds before the second attempt.")
    api_key_variable: str = Field(
        "OPENAI_API_KEY", description="Environment variable with the key of the endpoint; may be unset."
    )
    answers: str = Field(
        "state/answers", min_length=1, description="Folder that keeps the answers, so that none is requested twice."
    )
    wording: Wording = "fixed"


class PublishedConfig(Typed):
    """Negatives read from a file: released with a paper, written elsewhere, or by `nearmiss negatives convert`."""

    method: Literal["published"] = "published"
    file: str = Field(min_length=1, description="The file or folder of negatives.")
    format: Read | None = Field(None, description="Format of the file; null to infer it from the file extension.")
    checked: bool = Field(
        False,
        description="Check the pairs like the negatives of other methods and reject those that fail; otherwise all "
        "are taken as they are, with the verdict unchecked.",
    )


MethodConfig = (
    RandomConfig | KeywordConfig | SceneGraphConfig | ReplaceConfig | SwapConfig | RewriteConfig | PublishedConfig
)
