"""The registry of HNC's caption types, by the paper's names."""

from nearmiss.stages.negatives import scene_graph_logic as logic
from nearmiss.stages.negatives import scene_graph_quantities as quantities
from nearmiss.stages.negatives import scene_graph_types as types
from nearmiss.stages.negatives.scene_graph_sources import Builder

BUILDERS: dict[str, Builder] = {
    "attribute": types.attribute,
    "object": types.object_,
    "attribute_subg": types.attribute_subg,
    "relation_subj": types.relation_subj,
    "relation_obj": types.relation_obj,
    "relation_pred": types.relation_pred,
    "relation_attr_subj": types.relation_attr_subj,
    "relation_attr_obj": types.relation_attr_obj,
    "relation_attr_pred": types.relation_attr_pred,
    "obj_count": types.obj_count,
    "obj_comp_count": quantities.obj_comp_count,
    "obj_verify_count": quantities.obj_verify_count,
    "obj_verify_count_attr": quantities.obj_verify_count_attr,
    "and_logic_attr": logic.and_logic_attr,
    "and_logic_rel": logic.and_logic_rel,
    "xor_logic_attr": logic.xor_logic_attr,
    "xor_logic_rel": logic.xor_logic_rel,
}
