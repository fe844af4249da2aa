"""Records as Snakemake hands them to a logger, and the project's logger without Snakemake."""

import logging
from types import SimpleNamespace

from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_sparcs import LogHandler

QUIET = {"stdout": False, "nocolor": False, "dryrun": False, "quiet": None, "verbose": False, "printshellcmds": False}


def handler(**settings):
    log_handler = LogHandler(SimpleNamespace(**(QUIET | {"debug_dag": False} | settings)), None)
    log_handler.setFormatter(DefaultFormatter())
    return log_handler


def record(event, created, message=None, **fields):
    log_record = logging.makeLogRecord(
        {"event": event, "msg": message, "levelno": logging.INFO, "levelname": "INFO"} | fields
    )
    log_record.created = created
    return log_record


def info(number, rule, created, output=(), **fields):
    job = {"jobid": number, "rule_name": rule, "rule_msg": None, "input": [], "output": list(output), "log": []}
    return record(LogEvent.JOB_INFO, created, **(job | {"benchmark": None, "reason": ""} | fields))
