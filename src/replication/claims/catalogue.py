"""Every claim, in the paper's order."""

from collections.abc import Iterable

from replication.claims.baselines import finds_smaller_networks
from replication.claims.images import (
    beats_linear,
    costs_little,
    forms_two_clusters,
    leaves_its_pruned_self,
    matches_linear,
    stays_a_perceptron,
)
from replication.claims.networks import (
    all_fit,
    fewer_parameters,
    identities_hold,
    linear_fails,
    neurons_left,
    one_layer_survives,
    perceptron_start,
    reactivation,
    smooth_or_jump,
    sweet_spot,
    switched_off_when_linear,
    trimmed_fit,
)
from replication.io import ArtifactError
from replication.verdicts import Claim

IDS = ("A1", "A2", "A3", "B1", "B2", "B3", "C1", "D1", "D2", "D3", "D4", "E1", "E2", "E3", "E4", "F1", "F2", "G1", "G2")

CLAIMS = [
    Claim("A1", "the start is exactly a perceptron (f(0) = 0)", "Section 4", "exact", "01_theory",
          perceptron_start, ("theory/checks",), exact=True),
    Claim("A2", "the closed forms of Φ⁻¹ and A: (4.1) to (4.3), (B.2), (B.13), (B.16) and, except at n = ρ, (B.23)",
          "Section 4, Appendices A to D", "exact", "01_theory", identities_hold, ("theory/identities",), exact=True),
    Claim("A3", "eigenvalues at 0 are re-activated by gradients; zero weights in direct space are not",
          "Sections 3 and 4", "said", "01_theory", reactivation, ("theory/checks",), exact=True),
    Claim("B1", "the hidden path is unused at α = 0 and grows with α", "Figures 7, 13, 14", "‖Γ‖ from 0 upwards",
          "02_alpha_beta, Figures 7, 13 and 14", switched_off_when_linear, ("regression/trials",)),
    Claim("B2", "smooth for β = 5, a jump at α = ½ for β = 1000", "Figure 7", "shown", "02_alpha_beta, Figure 7",
          smooth_or_jump, ("regression/trials",)),
    Claim("B3", "all models fit", "Figure 12", "shown for one model", "02_alpha_beta, Figure 12", all_fit,
          ("regression/trials",)),
    Claim("C1", "spectral needs fewer parameters than direct space for ℓ > 2, slightly more at ℓ = 2 (equal widths)",
          "Figure 8", "exact", "01_theory, Figure 8", fewer_parameters, ("theory/checks",), exact=True),
    Claim("D1", "linear regression cannot fit the SO(20) teacher", "Section 5", "R² well below 1",
          "03_teacher_student", linear_fails, ("teacher_student/linear",)),
    Claim("D2", "one hidden layer survives", "Figure 9", "shown for one seed", "03_teacher_student, Figure 9",
          one_layer_survives, ("teacher_student/trials",)),
    Claim("D3", "about 30 neurons are left at the 5 % threshold", "Figure 10", "about 30",
          "03_teacher_student, Figure 10", neurons_left, ("teacher_student/trials",)),
    Claim("D4", "the trimmed network still fits", "Section 5", "R² about 0.98", "03_teacher_student, Figure 10",
          trimmed_fit, ("teacher_student/trials",)),
    Claim("E1", "SPARCS beats the linear head on CIFAR-10", "Table 1, Figure 16",
          "73.9 against 68.2 % test accuracy, 5.7 points", "04_cifar10, Table 1", beats_linear, ("cifar10/trials",)),
    Claim("E2", "SPARCS costs little more memory and time", "Table 1", "+3.3 MB, +0.4 % time", "04_cifar10, Table 1",
          costs_little, ("cifar10/costs",)),
    Claim("E3", "the curves stay close early; later SPARCS leaves its pruned self", "Figure 16", "shown",
          "04_cifar10, Figure 16", leaves_its_pruned_self, ("cifar10/epochs",)),
    Claim("E4", "the hidden eigenvalues form two clusters; a limited fraction of the neurons is recruited", "Figure 17",
          "shown for one network", "04_cifar10, Figure 17", forms_two_clusters,
          ("cifar10/eigenvalues", "cifar10/trials")),
    Claim("F1", "on strong features SPARCS matches the linear head", "Table 2", "72.7 against 73.2 % test accuracy",
          "05_cifar100, Table 2", matches_linear, ("cifar100/trials",)),
    Claim("F2", "hidden eigenvalues are orders of magnitude below the last layer's", "Figure 18",
          "shown for one network", "05_cifar100, Figure 18", stays_a_perceptron, ("cifar100/eigenvalues",)),
    Claim("G1", "ρ from 1e-5 to 1e-3 works (L2, the penalty of experiments 1 and 2)", "Appendix G", "said",
          "06_hyperparameters", sweet_spot, ("hyperparameters/trials",)),
    Claim("G2", "fewer parameters and smaller networks than “other viable alternatives”", "Abstract, Section 1",
          "only counted", "07_rivals, Figure R1 and Table R1", finds_smaller_networks, ("rivals/trials",)),
]  # fmt: skip


def require_every_claim(ids: Iterable[str]) -> None:
    """Raise ArtifactError unless each of IDS is among the rows' ids."""
    missing = sorted(set(IDS) - set(ids))
    if missing:
        raise ArtifactError(f"claims without a row: {', '.join(missing)}")
