"""Everything tracegen raises on purpose.

    TracegenError
    ├── InputError        a file, folder or line that cannot be used as it is
    ├── OutputError       something cannot be written: no permission, no space
    ├── SettingsError     settings that contradict each other, the index or the run file
    ├── StoreError        no index, a damaged one, or one built with another embedder
    │   └── EmbedderError the embedding model cannot be had
    ├── TeacherError      the endpoint cannot do the job for any row: key, model, tools, connection, quota
    ├── FindingsError     a check that must not strike does
    ├── AnswersPending    nothing is wrong: a batch service has not answered yet
    ├── BudgetError       what may be spent is spent
    └── BusyError         another process holds the index or the run file

Each message has three parts: what, where (`train.jsonl:37`), what to do next. The command line prints it without a traceback
and exits 1; 2 for wrong settings, 4 where the budget is reached. What concerns one row only is not raised: it becomes a value
in the run (`tracegen.records.Rejected`).
"""


class TracegenError(Exception):
    """Base of all errors raised on purpose; its text is a sentence for the person who has to fix it."""


class InputError(TracegenError):
    """A file, folder or line cannot be used as it is."""


class OutputError(TracegenError):
    """Something cannot be written: no permission, no space left."""


class SettingsError(TracegenError):
    """Settings contradict each other, the index or the run file."""


class StoreError(TracegenError):
    """There is no index, it is damaged, or it was built with another embedder."""


class EmbedderError(StoreError):
    """The embedding model cannot be had."""


class TeacherError(TracegenError):
    """The endpoint cannot do the job for any row: wrong key, unknown model, no tools, no connection, no quota."""


class FindingsError(TracegenError):
    """A check that the user named as one that must not strike does; nothing was written."""


class AnswersPending(TracegenError):
    """Nothing is wrong: answers of a batch are not there yet, and the caller asked not to wait for them."""


class BudgetError(TracegenError):
    """What may be spent is spent; the run can go on with a higher budget."""


class BusyError(TracegenError):
    """Another process holds the index or the run file."""
