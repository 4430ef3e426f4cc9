"""The signatures whose stubs are compiled beforehand; all others are served by the generic ones.

Chosen by count: those of WASI, those of functions that at least two of the corpus's 289 modules
import or export, and what people write by hand, which is short.
"""

from __future__ import annotations

import itertools

from wasmwright.wasi import abi

_LETTERS = {"i32": "i", "i64": "l", "f32": "f", "f64": "d"}

# How many modules of the corpus have a function of the signature among imports or exports:
# "i_i" 178, "iii_i" 161, "l_l" 119, "l_ii" 118, "ii_i" 111, "iiii_i" 91, "i_" 82, "iiiii_i" 80,
# "_" 77, "iiiiii_i" 72, "_i" 47, ... The last ones here have two.
_CORPUS = """
    l_ii iii_i iiii_i iiiii_i iiiiii_i iiiiiii_i iiiiiiii_i iiiiiiiii_i iiiiiiiiii_i
    iii_ iiii_ iiiii_ iiiiiii_ iiiiiiii_ iiiiiiiiii_ ili_i ilii_i iiili_i iiilii_i iiiilli_i
    iiiiillii_i iilii_i iiliii_i iiliiiii_i iil_i liii_i illi_i ill_i iili_l iiii_l iiiii_l iii_l
    iii_ii ii_ii iiii_ii llli_ii llli_l iiiiiiiiiiiiiiiii_i iid_ iil_l
"""
_HAND_WRITTEN = """
    iii_ iii_i iii_l iii_f iii_d lll_l fff_f ddd_d iiii_ iiii_i llll_l dddd_d
    _ii _ll _dd i_ii ii_ii l_ll ll_ll iii_iii
    v_v vv_v _v v_ vi_i
    _E E_ E_E E_i i_E EE_ EE_E iE_ Ei_ _F F_ F_F i_F _A A_ A_A _R R_ R_R _G G_
"""


def signatures() -> list[str]:
    """The keys of the signatures, sorted."""
    found = {*_CORPUS.split(), *_HAND_WRITTEN.split()}
    for params, results in abi.SIGNATURES.values():
        sides = ("".join(_LETTERS[each] for each in side) for side in (params, results))
        found.add("_".join(sides))
    for count in range(3):
        for params in itertools.product("ilfd", repeat=count):
            found |= {f"{''.join(params)}_{result}" for result in ("", *"ilfd")}
    return sorted(found)
