"""The display of a Snakemake run: a line for each finished job, what is left, why a job failed, and what was found.

Snakemake finds this package by its name (``--logger sparcs``) and calls it with every event; it knows of the workflow
only what the events say.
"""

from snakemake.logging import DefaultFilter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_sparcs import home
from snakemake_logger_plugin_sparcs.display import Display


class LogHandler(LogHandlerBase):
    """Shows Snakemake's records, on the terminal or as plain lines."""

    def __post_init__(self) -> None:
        home.provide()  # nothing of this project runs earlier, and Snakemake itself needs a cache soon
        self.display = Display(self.common_settings)
        self.addFilter(self.is_wanted)

    def is_wanted(self, record) -> bool:
        """Snakemake's choice, except that a quiet run tells why a job failed, and a quiet dry run what it would do."""
        settings = self.common_settings
        quiet = settings.quiet or ()
        always = {LogEvent.JOB_INFO, LogEvent.JOB_ERROR} | ({LogEvent.RUN_INFO} if settings.dryrun else set())
        if getattr(record, "event", None) in always and Quietness.ALL not in quiet:
            return True
        filtered = DefaultFilter(quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds)
        return filtered.filter(record)

    def emit(self, record) -> None:
        """Show one record. An error here must not end the thread that brings the next one."""
        try:
            self.display.show(record, self.format)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Say what was made; Snakemake calls this more than once."""
        self.display.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Whether it takes the place of Snakemake's own output."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether it writes a file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether it has a filter of its own."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether it formats all records itself: what it has no words for is put in Snakemake's."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Whether it needs the graph of rules."""
        return False
