"""Mistakes and gaps in the paper's text: what is printed, what is correct, and what shows it.

Three kinds: "checked", a computation shows the mistake; "wording", the text or an equation beside it does; "stated",
a fact about the authors' public code, repeated here without a check.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from replication.experiments.theory import misprint_checks as checks

COLUMNS = ["id", "place", "kind", "printed", "correct", "found", "holds"]


@dataclass(frozen=True)
class Misprint:
    """One mistake or gap.

    evidence: the check that shows it, or why no computation can.
    """

    place: str
    printed: str
    correct: str
    evidence: Callable[[], checks.Finding] | str
    stated: bool = False

    @property
    def kind(self) -> str:
        """Checked, wording or stated."""
        return "stated" if self.stated else "wording" if isinstance(self.evidence, str) else "checked"


def check_all() -> pd.DataFrame:
    """Every entry of MISPRINTS as a row: id, place, kind, printed, correct, found, holds.

    holds: whether the check confirms the mistake; missing where there is none.
    """
    rows = []
    for number, entry in enumerate(MISPRINTS, start=1):
        finding = checks.Finding(entry.evidence, None) if isinstance(entry.evidence, str) else entry.evidence()
        rows.append((number, entry.place, entry.kind, entry.printed, entry.correct, *finding))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"holds": "boolean"})


MISPRINTS = [
    Misprint("Section 2", "layers i < ℓ−1 are linked to the adjacent one", "all layers i < ℓ are",
             checks.linked_layers),
    Misprint("Section 3", "Φ₂⁻¹ = Φ₂² − 3Φ₂ − 3I", "Φ₂⁻¹ = Φ₂² − 3Φ₂ + 3I", checks.inverse_of_three_layers),
    Misprint("Section 4", "“the total number of diagonal blocks is B”", "it is B+1, one per layer",
             checks.blocks_on_the_diagonal),
    Misprint("Section 4", "“(ii) The gradient with respect to L_k will be non zero”",
             "not at the first step for 1 < k < B: it comes at step B−k+1", checks.first_gradients),
    Misprint("Section 4", "“Each application of A_B will be followed by … f”",
             "all but the last, as in the formula beside it", checks.last_application),
    Misprint("Sections 3 and 4", "the recursive rule A f(… f(A a)) and the blocks in (4.5) as alternatives",
             "they are two different functions", checks.recursive_rule),
    Misprint("Section 4", "A belongs to “the complement in GL(N, ℝ) of the Parabolic Subgroup”",
             "A is singular when an eigenvalue is 0, and otherwise lies in a parabolic subgroup",
             checks.parabolic_subgroup),
    Misprint("Figure 6 (b)", "λ_j ≠ 0 opens the path through layer j", "for j < B also those through layer j+1",
             checks.layers_opened),
    Misprint("Section 4", "“(L1 or L2) regularization”; Section 5: “weight decay”; L2 is not defined",
             "L2 is ‖λ‖₂ per layer in the authors' code, weight decay would be its square", checks.two_penalties),
    Misprint("Section 5", "“purely linear regression (α = 0)”", "only as β → ∞", checks.linear_end),
    Misprint("Section 5", "neurons correspond to eigenvalues “with L₁ and L₃ equal to zero”",
             "L₁ and L₂: L₃ is the active one there", checks.eigenvalues_at_zero),
    Misprint("Section 5", "L₂, “corresponding with second hidden layer related activations”",
             "first hidden layer related",
             "L₂ belongs to layer 2, the first hidden one: W₂₁ = φ₁L₁ − L₂φ₁; the sentence itself goes on to remove "
             "“the first hidden layer”"),
    Misprint("Section 5", "“the neurons of the first layer, the active one”", "the second hidden layer",
             "the next sentence prunes neurons “of the second hidden layer”, as Figure 10's caption does"),
    Misprint("Section 5", "layers counted from 0: i ∈ 1…N₀, W⁽¹⁾, W⁽²⁾; hidden widths N₁ = N₂ = 200",
             "from 1, as in Sections 2 to 4: N₁, W₂₁, W₃₂; N₂ = N₃ = 200",
             "Section 2 labels the layers i = 1 … ℓ, and (4.3) needs it"),
    Misprint("Section 5 and (E.1)", "Γ_ijk = W_kj W_ji, and Γ_ijk = W_ij W_jk", "one order; the norm is the same",
             checks.indices_of_gamma),
    Misprint("Figure 13", "mean of the norm of λ₁, λ₂ (text); mean of the concatenation (caption)",
             "two quantities; both are shown here",
             "text and caption say different things; experiment 1's report draws both"),
    Misprint("Figure 14", "square norm of Γ (text); normalised square norm of the mean of Γ (caption)",
             "mean of ‖Γ‖²; a mean of Γ over trials has no meaning",
             "hidden neurons can be exchanged, so entries of different trials don't correspond; experiment 1's report "
             "has the others too"),
    Misprint("(A.2)", "Φ Σ(…) = I ⇒ (Φ − I)^(B+1) = 0", "the proof needs ⇐", checks.direction_of_a2),
    Misprint("(B.2)", "proven for n ≥ 1, used in (B.10) at n = 0", "holds at n = 0 too", checks.powers_at_zero),
    Misprint("Appendix B, before (B.6)", "“The case j > i requires some additional calculations”", "j < i",
             checks.case_of_b6),
    Misprint("(B.23)", "the sum is 0 for all n, ρ", "(−1)^ρ at n = ρ", checks.sum_b23),
    Misprint("Appendix B, proof of (B.16)", "uses its hypothesis and (B.23) at ρ = B+1",
             "both fail there, and the slips cancel", checks.induction_of_b16),
    Misprint("(D.11)", "the second sum runs from k = m", "from k = ρ", checks.lower_limit_of_d11),
    Misprint("Appendix F", "“remapped in the direct space, using (4.2)”", "using (4.3)",
             checks.mapping_to_direct_space),
    Misprint("Code, experiment 1", "100 trials, NumPy seed 42 (Table 3); fits of model 0 (Figure 12)",
             "the sequential script stops on a misspelt key; the parallel one seeds its driver, not its workers; its "
             "figures draw a fresh, unseeded x; Figure 12's loop shows sample 0 for every sample",
             "not checked", stated=True),
    Misprint("Code, experiment 2", "random rotations W⁽¹⁾, W⁽²⁾, Table 4, “via the available code”",
             "the last stored notebook: one rotation for both layers, 2000 wide, 100 epochs, ρ = 10⁻⁴, the last batch "
             "dropped; a sum of batch means over 100,000 printed as mean loss, where the MSE is 8.1 × 10⁻⁵; no R², "
             "linear fit or pruning curve", "not checked", stated=True),
    Misprint("Code, experiment 2", "R², linear fit, histograms and pruning curve of Table 4's network (Figures 9, 10)",
             "all of them stand in a notebook 80 minutes older: one rotation, 200 wide, 150 epochs, ρ = 10⁻³; it sets "
             "every small eigenvalue to zero and labels the axis with the λ₃ above the threshold alone, so about three "
             "quarters of the λ₂ are left and not counted", "not checked", stated=True),
    Misprint("Code, experiments 3 and 4", "(4.3), all eigenvalues 0 but the last layer's, which start at 1",
             "(4.3) started at λ₃ = −1: the scripts have W₃₁ = (φ₂L₂ − L₃φ₂)φ₁, which is (4.3) at (−φ, −λ), and start "
             "λ₃ at +1", checks.sign_of_the_image_scripts),
    Misprint("Code, experiments 3 and 4", "Table 5's 100 trials, validation without a word on augmentation",
             "3 trials and 1, no error bar anywhere; validation images augmented too", "not checked", stated=True),
]  # fmt: skip
