/*
 * Every bound on what comes from outside, in one place. A larger input is a clear error, never a
 * truncation, unless the name says otherwise.
 */
#ifndef BJ_BASE_LIMITS_H
#define BJ_BASE_LIMITS_H

#define BJ_PATH_MAX        4096        /* bytes of a path, NUL included (PATH_MAX) */
#define BJ_CONFIG_FILE_MAX (1 << 20)   /* bytes of a config, settings or environment file */
#define BJ_JSON_DEPTH_MAX  64          /* nesting of a JSON document */
#define BJ_LIST_MAX        1024        /* entries in one list of a configuration */
#define BJ_VOLUMES_MAX     64          /* volumes of one sandbox */
#define BJ_PLAN_OPS_MAX    1536        /* operations of one plan */
#define BJ_PLAN_TEXT_MAX   (128 << 10) /* bytes of all strings of one plan */
#define BJ_TREES_MAX       512         /* file trees a launch opens before the root is built */
#define BJ_FRAME_MAX       (160 << 10) /* bytes of one message to or from init */
#define BJ_FRAME_FDS_MAX   8           /* descriptors that travel with one message */
#define BJ_ARGS_MAX        (128 << 10) /* bytes of argv and environment of one process */
#define BJ_ARGC_MAX        8192        /* entries of argv or of the environment */
#define BJ_FILTERS_MAX     4           /* system call filters of others in one sandbox */
#define BJ_FILTER_MAX      4097        /* instructions of one, and one more to notice too many */
#define BJ_PASSED_MAX      4           /* descriptors that a command gets beside its streams */
#define BJ_PASSED_BELOW    64          /* their numbers are below this one */
#define BJ_PROCESSES_MAX   256         /* processes that init tracks for its host at once */
#define BJ_WRAP_TEXT_MAX   (8 << 20)   /* bytes of a wrapped command */
#define BJ_CAPTURE_MAX     (64 << 20)  /* bytes of output kept by --json, per stream */
#define BJ_REQUEST_MAX     (20 << 20)  /* bytes of the arguments of one tool call */
#define BJ_COMMAND_MAX     (128 << 10) /* bytes of shell text in a tool call */
#define BJ_CONTENT_MAX     (16 << 20)  /* bytes of a file's content in a tool call */
#define BJ_TOOL_NAME_MAX   256         /* bytes of a tool's name */
#define BJ_URL_MAX         8192        /* bytes of a URL */

#define BJ_AUDIT_TEXT_MAX   (128 << 10) /* bytes kept of one text of an audit record; cut, marked */
#define BJ_AUDIT_DENIED_MAX (4 << 10)   /* of all texts of a refused request; of its reasons too */
#define BJ_AUDIT_NAME_MAX   256         /* bytes kept of a key, sandbox or tool there; cut */
#define BJ_AUDIT_VALUE_MAX  (8 << 10)   /* bytes kept of one string in a tool's arguments; cut */
#define BJ_AUDIT_RECORD_MAX (4 << 20)   /* bytes of one audit record */
#define BJ_AUDIT_ARGS_MAX   (1 << 20)   /* bytes of a tool's arguments that are taken apart */
#define BJ_AUDIT_LIST_MAX   256         /* entries kept of one list in an audit record; cut */
#define BJ_AUDIT_SHOWN_MAX  (16 << 20)  /* bytes of one record as it is listed */
#define BJ_SECRETS_MAX      1024        /* values that are masked wherever they show */
#define BJ_REQUEST_SECRETS_MAX                                                                     \
    256 /* and those that one request may bring; more, and its texts are masked */

/* The service (wire/keeper.h and what uses it). */
#define BJ_SANDBOX_ID_MAX    33         /* bytes of a sandbox's identifier, NUL included */
#define BJ_LABEL_SHOWN       2048       /* bytes of a label that a record shows; else its hash */
#define BJ_LABEL_NAME_MAX    256        /* bytes of a key or a tag in it */
#define BJ_LABEL_TEXT_MAX    8192       /* bytes of a directory in it */
#define BJ_LABEL_MAX         (16 << 10) /* bytes that the front has kept with a sandbox or process */
#define BJ_ACT_MAX           BJ_FRAME_MAX /* bytes of one act */
#define BJ_MESSAGE_MAX       (384 << 10) /* bytes of one message between processes of the service */
#define BJ_CONTROL_MAX       4096 /* bytes of one between the supervisor and another process */
#define BJ_PRESETS_MAX       32   /* of one service */
#define BJ_LISTENERS_MAX     16   /* addresses of one service */
#define BJ_LISTEN_NAME_MAX   128  /* bytes of one as it is shown */
#define BJ_READ_MAX          (64 << 10) /* bytes of output in one answer */
#define BJ_READ_PIECES_MAX   4096       /* of different streams in one answer */
#define BJ_INPUT_MAX         (64 << 10) /* bytes of one piece of input */
#define BJ_LOG_MAX           (1 << 20)  /* bytes of output kept of one process */
#define BJ_LOG_CHUNKS_MAX    16384u /* a process that changes streams more often keeps fewer bytes */
#define BJ_OUTPUT_TOTAL_MB   256    /* of memory that all output takes, if nothing is said */
#define BJ_OUTPUT_OWNER_PART 2      /* of it: one owner has at most the half, */
#define BJ_OUTPUT_ONE_PART   16     /* one sandbox a sixteenth */
#define BJ_OWNER_MAX         128    /* bytes of an owner's name, NUL included */
#define BJ_HOLD_GRACE_US     10000000 /* held output waits so long for a reader */
#define BJ_USE_US            60000000 /* the keeper takes a sandbox for in use so long after it was told */
#define BJ_KEYS_MAX          4096      /* keys of one service */
#define BJ_KEYS_FILE_MAX     (4 << 20) /* bytes of the file that they are in */
#define BJ_KEYS_OLD_MAX                                                                            \
    256 /* files of keys that one front has seen; each takes memory until it ends */
#define BJ_KEY_FILE_MAX       4096        /* bytes of the file with the first key */
#define BJ_CGROUPS_FILE_MAX   (64 << 10)  /* bytes of the keeper's list of control groups */
#define BJ_SERVICE_SANDBOXES  4000        /* sandboxes of one service */
#define BJ_SANDBOX_PROCESSES  200         /* processes kept of one sandbox, ended ones included */
#define BJ_ENDED_MAX          32          /* of them that have ended */
#define BJ_PARAMETERS_MAX     4           /* variable parts of a route's path */
#define BJ_PARAMETER_TEXT_MAX 512         /* bytes of them together; a longer path has no route */
#define BJ_IDEMPOTENCY_MAX    255         /* bytes of an idempotency key */
#define BJ_RESPONSE_MAX       (40 << 20)  /* bytes of a response that is made in memory */
#define BJ_PROCESS_READERS    64          /* READs that wait for one process */
#define BJ_INIT_REQUESTS      1024        /* that wait for the init of one sandbox */
#define BJ_PROCESS_ATTACHES   64          /* ATTACHes to one process */
#define BJ_INPUT_QUEUE_MAX    (256 << 10) /* bytes that wait to be read by one process */
/* Bytes on their way there before the client should wait: below what the keeper takes by as much as
 * one message may go beyond it. */
#define BJ_INPUT_WAITING_MAX     (BJ_INPUT_QUEUE_MAX / 2)
#define BJ_QUESTION_RECORDS      1000       /* calls in one answer about records */
#define BJ_QUESTION_USUAL        100        /* where a question says nothing */
#define BJ_QUESTION_SECONDS      10         /* that answering one may take */
#define BJ_ANSWER_TEXT           (16 << 20) /* bytes of one answer, and one call more */
#define BJ_ANSWER_TEXT_MAX       (32 << 20) /* bytes of one answer that are believed */
#define BJ_SANDBOX_OPTIONS       64         /* options that a client sets for one */
#define BJ_CLIENT_PROGRAMS       32         /* of its command_whitelist */
#define BJ_CLIENT_PROGRAM_LOOKS  20000      /* at files of the host, to find what these need */
#define BJ_CALLS_MAX             65536      /* that wait for the keeper's answer */
#define BJ_LINK_QUEUE_MAX        (4 << 20) /* bytes that wait to be sent where nothing else is said */
#define BJ_ENTRIES_MAX           (32 << 20) /* bytes of those that the audit process may not have yet */
#define BJ_ASKS_MAX              (16 << 20) /* bytes that wait to be sent to one process */
#define BJ_FRONT_QUEUE_MAX       (32 << 20) /* bytes that wait for the front before it is given up */
#define BJ_HELLO_QUEUE_MAX       (1 << 20) /* bytes that wait for a new front before it hears more */
#define BJ_KEEPER_QUEUE_MAX      (32 << 20) /* and for the keeper, of what is recorded */
#define BJ_AUDIT_QUEUE_MAX       (32 << 20) /* and for the audit process */
#define BJ_PLANS_QUEUE_MAX       (64 << 20) /* bytes of plans that wait for the launcher */
#define BJ_OUTCOMES_MAX          65536 /* that wait to be recorded; more, and somebody must look at it */
#define BJ_BATCH_ITEMS           256       /* entries and outcomes recorded together */
#define BJ_BATCH_BYTES           (1 << 20) /* bytes of them, and one message more */
#define BJ_STATE_STRINGS         128       /* pointers in a sandbox's state */
#define BJ_SCREEN_ROWS_MAX       200       /* of a terminal whose screen is kept */
#define BJ_SCREEN_COLUMNS_MAX    400
#define BJ_SCREEN_HISTORY_MAX    (256 << 10) /* bytes of lines that scrolled off it */
#define BJ_SCREEN_PENDING        4096        /* bytes of one control sequence; more is left out */
#define BJ_SCREEN_PARAMETERS_MAX 16          /* numbers in one; with more it is left out */
#define BJ_SCREEN_TITLE          512         /* bytes of its title; cut */
#define BJ_SCREEN_PAINT_MAX      (8 << 20)   /* bytes that paint it */

/* HTTP (server/). */
#define BJ_HTTP_HEAD_MAX        (16 << 10)  /* bytes of a request's head */
#define BJ_HTTP_TARGET_MAX      (8 << 10)   /* bytes of the address in it */
#define BJ_HTTP_HEADERS_MAX     64          /* headers of a request */
#define BJ_HTTP_ANSWER_MAX      (32 << 10)  /* bytes of the head that a program answers with */
#define BJ_HTTP_ANSWER_LINES    128         /* headers in it */
#define BJ_HTTP_HEADER_TEXT_MAX (8 << 10)   /* bytes of all headers that a handler sets */
#define BJ_HTTP_OWN_HEADERS     1024        /* and of those that the server adds */
#define BJ_HTTP_EXTENSION_MAX   1024        /* bytes of all chunk extensions of one body */
#define BJ_HTTP_MEMORY_MAX      (256 << 10) /* bytes of one request's decoded address and headers */
#define BJ_HTTP_SHARED          (256 << 20) /* bytes of all large bodies and answers in memory */
#define BJ_HTTP_OWN             (768 << 10) /* bytes that each connection has beside them */
#define BJ_HTTP_SLOWEST_MS      60000       /* within which a client must get on by all it holds */
#define BJ_HTTP_VALUES_MAX      200000      /* values in a JSON body */
#define BJ_HTTP_PENDING         (256 << 10) /* bytes that wait for a client: its handler should too */
#define BJ_HTTP_PENDING_MAX     (48 << 20)  /* and before it is given up */
#define BJ_HTTP_PIECE           (256 << 10) /* bytes of a body on their way to or from a file */
#define BJ_HTTP_MESSAGE_MAX     (1 << 20)   /* bytes of a message of a WebSocket */
#define BJ_HTTP_HOST_MAX        256         /* bytes of a Host */
#define BJ_HTTP_LISTENERS_MAX   32          /* addresses that a server listens on */
#define BJ_HTTP_ACCEPT_MAX      16          /* connections taken from one of them at one turn */

/* The command line as a client of the service. */
#define BJ_CLIENT_LISTED_MAX  256        /* values of one option */
#define BJ_CLIENT_ANSWER_MAX  (64 << 20) /* bytes of one answer, or of one event */
#define BJ_CLIENT_HEAD_MAX    (64 << 10) /* bytes of the head of an answer that opens a WebSocket */
#define BJ_CLIENT_MESSAGE_MAX (4 << 20)  /* bytes of a message of a WebSocket */
#define BJ_CLIENT_WAITING_MAX (256 << 10) /* bytes of input on their way before more is read */
#define BJ_CLIENT_KEYS_MAX    16          /* keys that leave a terminal */

/* Alerts (engine/alert.h). */
#define BJ_ALERT_MESSAGE_MAX  (256 << 10) /* bytes of what belljar-alert is given */
#define BJ_ALERT_INPUT_MAX    (1 << 20)   /* bytes that it reads */
#define BJ_ALERT_RESPONSE_MAX (64 << 10)  /* bytes of an answer; nobody reads it */
#define BJ_ALERT_WAITING_MAX  (256 << 10) /* bytes of events that wait for one target */
#define BJ_ALERT_LOG_MAX      (256 << 10) /* bytes of alert.log */

/* What belljar-files does with files, inside the sandbox (files/files.h). */
#define BJ_FILES_PATH_MAX    (64 << 10) /* bytes of a path that is told */
#define BJ_FILES_RECORD_MAX  (4 << 20)  /* bytes of one record */
#define BJ_FILES_DEPTH_MAX   256        /* levels of directories */
#define BJ_FILES_NAMES_MAX   (64 << 20) /* bytes of names held while walking */
#define BJ_FILES_KEPT_MAX    (64 << 20) /* bytes held of what is sorted */
#define BJ_FILES_LISTED_MAX  64         /* values of one option */
#define BJ_FILES_USERS_MAX   (1 << 20)  /* bytes of the sandbox's passwd and group files */
#define BJ_FILES_XATTRS_MAX  (64 << 10) /* bytes of names, and of one value */
#define BJ_FILES_PATTERN_MAX 4096       /* bytes of a pattern */
#define BJ_FILES_SEGMENTS    64         /* names in a pattern for paths */
#define BJ_FILES_BRACES_MAX  128        /* patterns that braces make of one */
#define BJ_FILES_LINE_MAX    (1 << 20)  /* bytes of a line searched; longer ones are parted */
#define BJ_FILES_WATCHES_MAX 65536      /* directories watched at once */
#define BJ_FILES_LINKS_MAX   65536      /* files with several names remembered by tar-out */
#define BJ_FILES_TIME_MS     30000      /* spent on looking, unless told otherwise */

/* The analysis of shell text (policy/shell*.c). What is beyond is said, never taken for harmless.
 */
#define BJ_SHELL_TEXT_MAX      (64 << 10) /* bytes of a text, here-documents and all */
#define BJ_SHELL_COMMANDS_MAX  2048       /* simple commands listed of one text */
#define BJ_SHELL_LISTED_MAX    32768      /* words of all commands listed of one text */
#define BJ_SHELL_DEPTH_MAX     48         /* nesting of substitutions, groups, texts in texts */
#define BJ_SHELL_STEPS_MAX     200000     /* tokens read and statements walked */
#define BJ_SHELL_WORDS_MAX     8192       /* words of one command */
#define BJ_SHELL_DOCUMENTS_MAX 16         /* here-documents that begin on one line */
#define BJ_SHELL_PARSE_MAX     4096       /* tokens of one statement, with all that is in it */
#define BJ_SHELL_BRACED_MAX    2048       /* bytes of a word with braces */
#define BJ_SHELL_BRACES_MAX    256        /* words that braces make of one */
#define BJ_SHELL_VALUES_MAX    16         /* things that one variable may be */
#define BJ_SHELL_CHOICES_MAX   8          /* variables of one command that may be several things */
#define BJ_SHELL_READINGS_MAX  24         /* readings of one command */
#define BJ_SHELL_STRING_MAX    (64 << 10) /* bytes of one variable or output */

/* Judging commands. */
#define BJ_PATTERN_STEPS_MAX   10000 /* of PCRE2 for one attempt at a match */
#define BJ_PATTERN_DEPTH_MAX   64    /* of groups in a pattern */
#define BJ_NFA_STATES_MAX      4096  /* of the automaton for one pattern; a larger one says yes */
#define BJ_NFA_SETS_MAX        1024  /* classes in it */
#define BJ_NFA_REPEATS_MAX     16    /* of one atom; more are taken for endless */
#define BJ_SPELLING_MAX        (512 << 10) /* bytes of one spelling of a command, or a pipeline */
#define BJ_ANALYSIS_MEMORY_MAX (64 << 20)  /* bytes for the analysis of one command's text */
#define BJ_ANALYSIS_TIME_US    10000       /* spent on analysing it; then it is asked about */
#define BJ_JUDGE_WORK_MAX      (64 << 10) /* bytes compared with rules between looks at the clock */
#define BJ_JUDGE_TIME_US       8000 /* spent on matching one command's text; then it is asked about */

/* What the front knows (service/). */
#define BJ_METADATA_MAX        64                   /* pairs of metadata of one sandbox */
#define BJ_TAG_MAX             128                  /* bytes of a process's tag */
#define BJ_COMMAND_SHOWN       1024                 /* bytes of a command kept to be shown; cut */
#define BJ_SHELLS_MAX          32                   /* shell sessions of one sandbox */
#define BJ_SHELL_NAME_MAX      64                   /* bytes of a shell session's name */
#define BJ_SHELL_WAITING_MAX   64                   /* commands that wait for their turn in one */
#define BJ_SHELL_REPORT_MAX    (256 << 10)          /* bytes that a shell session tells of itself */
#define BJ_SHELL_NOTES_MAX     (BJ_PATH_MAX + 4096) /* bytes that one says of one command */
#define BJ_SHELL_LOST_MAX      1024       /* bytes of the names of variables that are not kept */
#define BJ_SHELL_UNSET_MAX     64         /* variables that one has unset */
#define BJ_PAGE_MAX            1000       /* sandboxes in one answer */
#define BJ_RUN_OUTPUT          (4 << 20)  /* bytes kept per stream of a run, unless said */
#define BJ_LISTING_MAX         (32 << 20) /* bytes that the helper for files may answer */
#define BJ_LISTING_RECORDS     100000     /* records of it */
#define BJ_LISTING_USUAL       10000      /* names, where a request says nothing */
#define BJ_SEARCH_USUAL        1000       /* and places found */
#define BJ_STREAM_RECORD_MAX   (1 << 20)  /* bytes of one record of a helper that runs on */
#define BJ_TOOL_ANSWER_MAX     (32 << 20) /* bytes of an answer in words */
#define BJ_LISTING_HELD        (4 << 20)  /* bytes of it that are held at once; more is cut off */
#define BJ_PACE_US             5000       /* of one turn of the loop, for what is done in pieces */
#define BJ_PACED_TEXT          4096       /* bytes of a command; a longer one is such a piece */
#define BJ_TURNS_MAX           64    /* listings and pages of records that are in hand at once */
#define BJ_TURNS_OWNER_MAX     8     /* of one owner's */
#define BJ_TURNS_WORKING       8     /* of them that are worked on */
#define BJ_TURNS_OWNER_WORKING 2     /* of one owner's */
#define BJ_OWNERS_MAX          65536 /* owners that a service knows of at once */
#define BJ_OWNER_REQUESTS_MAX                                                                      \
    (1 << 20) /* of one owner that are counted; a larger bound is this                             \
               */
#define BJ_ENDED_US    INT64_C(3600000000) /* so long what has ended can be looked at, */
#define BJ_ENDED_OWNER 100                 /* so many of one owner, the latest, */
#define BJ_ENDED_ALL   2000                /* and of all */
#define BJ_EVENTS_KEPT 4096                /* events to resume from */

#endif
