"""What holds for every network, checked (claims A1, A2, A3, C1), and the paper's misprints."""

from replication.experiments.theory import checks, identities, misprints, statements
from replication.training.work import Results, Work


def check(data: None, work: Work) -> Results:
    """The identities in exact arithmetic, the start and first gradients, every misprint, two statements on training."""
    settings = work.settings
    return {
        "checks": checks.check_all(settings.networks, settings.direct_networks, settings.steps),
        "identities": identities.check_all(settings.bundles),
        "misprints": misprints.check_all(),
        "statements": statements.check_all(settings.watched, settings.watched_steps),
    }, {}
