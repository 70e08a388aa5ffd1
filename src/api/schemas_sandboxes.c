/* The shapes of sandboxes and of what concerns them. */
#include "api/objects.h"
#include "api/schemas.h"

#define YEAR 31536000
#define TIMES                                                                                      \
    BJ_NUMBER("timeout_seconds", 0, YEAR,                                                          \
              BJ_SAYS "It ends by itself then, counted from now; 0 = never, where that may be."),  \
        BJ_NUMBER("idle_timeout_seconds", 0, YEAR,                                                 \
                  BJ_SAYS "The same, counted from the last call for it; 0, never, if it is not "   \
                          "said. It is not idle while a call for it is not answered yet, a "       \
                          "terminal is attached, output is followed, a file is on its way or a "   \
                          "connection to a port is open; processes that run unattended, looking "  \
                          "at it and its figures do not count.")
#define METADATA BJ_MAP("metadata", 64, BJ_SAYS "Texts of the client's own, to find it again by.")

static const struct bj_field create_fields[] = {
    BJ_TEXT("preset", 64, .minimum = 1,
            BJ_SAYS "Of `GET /v1/presets`; the first if it is not said."),
    BJ_TEXT("template", 64, .minimum = 1, BJ_SAYS "Another name for `preset`."),
    BJ_OBJECT("config", NULL,
              BJ_SAYS "What is to differ from the preset, as in a configuration file "
                      "(docs/CONFIG.md): `resource_limits` (within the service's), `environment`, "
                      "`session_timeout_minutes`, `working_directory` (over no directory of the "
                      "system's and nothing that the preset grants), `hostname`, `user` (root "
                      "only where the preset has it), `security.command_whitelist` (where the "
                      "preset has none: 32 programs at most, each by its name or by the absolute "
                      "path of its file), the rules of `security` that refuse more, and "
                      "`layers.allow_degraded`, by which limits of this object are left out where "
                      "they cannot be enforced. Anything else is an error."),
    METADATA,
    BJ_MAP("env", BJ_LIST_MAX, BJ_SAYS "Variables of everything that runs in it."),
    TIMES,
    BJ_END};
const struct bj_schema bj_create_sandbox_schema = {"CreateSandboxRequest", "A sandbox to be made.",
                                                   create_fields};

static const struct bj_field idempotency_fields[] = {
    BJ_TEXT("Idempotency-Key", BJ_IDEMPOTENCY_MAX, .minimum = 1,
            BJ_SAYS "The same key of the same caller gives the same sandbox, while it lives."),
    BJ_END};
const struct bj_schema bj_idempotency_schema = {"Idempotency", "", idempotency_fields};

static const struct bj_field change_fields[] = {TIMES, METADATA, BJ_END};
const struct bj_schema bj_change_sandbox_schema = {"ChangeSandboxRequest", "What is to change.",
                                                   change_fields};

static const char *const orders[] = {"newest", "oldest", NULL};
static const struct bj_field list_fields[] = {
    BJ_TEXT("state", 0, .choices = bj_phase_names,
            BJ_SAYS "Only those; if not said, those that have not ended. Of what has ended the "
                    "latest 100 of an owner are remembered for an hour, unless the service's "
                    "front is started anew."),
    BJ_TEXT("preset", 64, .minimum = 1, BJ_SAYS "Only those made of it."),
    BJ_TEXT("metadata", 4096, .minimum = 1,
            BJ_SAYS "Only those with all of these: `KEY=VALUE,KEY=VALUE`."),
    BJ_WHOLE("since_ms", 0, 9007199254740991.0,
             BJ_SAYS "Only those made from then on, in milliseconds since 1970."),
    BJ_TEXT("order", 0, .choices = orders, BJ_SAYS "By time of creation; `newest` first."),
    BJ_WHOLE("limit", 1, 1000, BJ_SAYS "On a page; 100 if it is not said."),
    BJ_TEXT("after", 63, .minimum = 1, BJ_SAYS "`next` of the page before."),
    BJ_SWITCH("everyone", BJ_SAYS "Everyone's; needs the scope `admin`."),
    BJ_END};
const struct bj_schema bj_sandbox_query_schema = {"SandboxQuery", "Which.", list_fields};

static const struct bj_field limit_fields[] = {
    BJ_WHOLE("memory_bytes", 0, 0, BJ_NEEDED, BJ_SAYS "0 = none."),
    BJ_WHOLE("disk_bytes", 0, 0, BJ_NEEDED, BJ_SAYS "0 = none."),
    BJ_WHOLE("processes", 0, 0, BJ_NEEDED, BJ_SAYS "At once; 0 = no limit."),
    BJ_NUMBER("cpu_cores", 0, 0, BJ_NEEDED, BJ_SAYS "0 = no limit."), BJ_END};
static const struct bj_schema limits_schema = {"Limits", "What it may use.", limit_fields};

static const struct bj_field sandbox_fields[] = {
    BJ_TEXT("id", 0, BJ_NEEDED, BJ_SAYS "Its identifier."),
    BJ_TEXT("state", 0, BJ_NEEDED, .choices = bj_phase_names, BJ_SAYS "What it does."),
    BJ_TEXT("preset", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "It was made of."),
    BJ_TEXT("key", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Name of the key that made it."),
    BJ_MAP("metadata", 0, BJ_NEEDED, BJ_SAYS "The client's own."),
    BJ_SWITCH("default", BJ_NEEDED, BJ_SAYS "It is the caller's default one."),
    BJ_SWITCH("degraded_pause", BJ_NEEDED,
              BJ_SAYS "Paused by stop signals, since the host has no freezer."),
    BJ_TEXT("reason", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Why it ended."),
    BJ_WHOLE("running", 0, 0, BJ_NEEDED, BJ_SAYS "Processes that run in it."),
    BJ_TEXT("created", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "When, in UTC."),
    BJ_NUMBER("age_seconds", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Since then."),
    BJ_TEXT("ended", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "When it ended, in UTC."),
    BJ_NUMBER("left_seconds", 0, 0, BJ_MAYBE, BJ_NEEDED,
              BJ_SAYS "Until it ends by itself; null = it does not."),
    BJ_NUMBER("idle_left_seconds", 0, 0, BJ_MAYBE, BJ_NEEDED,
              BJ_SAYS "The same, if nothing is called for it and nobody is at it."),
    BJ_NUMBER("timeout_seconds", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "As it was set; 0 = never."),
    BJ_NUMBER("idle_timeout_seconds", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Likewise."),
    BJ_OBJECT("limits", &limits_schema, BJ_NEEDED, BJ_SAYS "What it may use."),
    BJ_TEXTS("degraded", 0, BJ_NEEDED, BJ_SAYS "Protections that the host cannot give in full."),
    BJ_TEXT("workspace", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Path of the workspace inside."),
    BJ_TEXT("home", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Home directory inside."),
    BJ_TEXT("user", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "User name inside."),
    BJ_SWITCH("from_pool", BJ_NEEDED, BJ_SAYS "It was ready before it was asked for."),
    BJ_END};
const struct bj_schema bj_sandbox_schema = {"Sandbox", "A sandbox.", sandbox_fields};

static const struct bj_field page_fields[] = {
    BJ_OBJECTS("sandboxes", &bj_sandbox_schema, BJ_NEEDED, BJ_SAYS "Of this page."),
    BJ_WHOLE("total", 0, 0, BJ_NEEDED, BJ_SAYS "That match, on all pages."),
    BJ_TEXT("next", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "`after` for the next page; null = last."),
    BJ_END};
const struct bj_schema bj_sandboxes_schema = {"Sandboxes", "A page of sandboxes.", page_fields};

static const struct bj_field usage_fields[] = {
    BJ_TEXT("time", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Of the figures, in UTC."),
    BJ_NUMBER("cpu_seconds", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Processor time so far."),
    BJ_NUMBER("cpu_cores", 0, 0, BJ_NEEDED, BJ_SAYS "At most; 0 = no limit."),
    BJ_WHOLE("memory_bytes", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Now."),
    BJ_WHOLE("memory_peak_bytes", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "At most so far."),
    BJ_WHOLE("memory_limit_bytes", 0, 0, BJ_NEEDED, BJ_SAYS "0 = none."),
    BJ_WHOLE("disk_bytes", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Of its files."),
    BJ_WHOLE("disk_limit_bytes", 0, 0, BJ_NEEDED, BJ_SAYS "0 = none."),
    BJ_WHOLE("disk_inodes", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Files and directories."),
    BJ_WHOLE("processes", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Processes and threads."),
    BJ_END};
const struct bj_schema bj_usage_schema = {
    "Usage", "What a sandbox uses; null = nothing measures it here.", usage_fields};

/* ---- shell sessions ---- */

static const struct bj_field create_shell_fields[] = {
    BJ_TEXT("name", 64, .minimum = 1,
            BJ_SAYS "Letters, digits, `-`, `_` and `.`; one is chosen if it is not said."),
    BJ_TEXT("working_directory", BJ_PATH_MAX - 1, .minimum = 1, BJ_SAYS "Where it begins."),
    BJ_MAP("env", BJ_LIST_MAX, BJ_SAYS "Variables that it begins with."), BJ_END};
const struct bj_schema bj_create_shell_schema = {"CreateShellRequest", "A shell session.",
                                                 create_shell_fields};

static const struct bj_field shell_fields[] = {
    BJ_TEXT("name", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Its identifier in its sandbox."),
    BJ_TEXT("sandbox", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "It is in."),
    BJ_TEXT("working_directory", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Where it is now."),
    BJ_SWITCH("busy", BJ_NEEDED, BJ_SAYS "It runs a command; another one waits for its turn."),
    BJ_WHOLE("commands", 0, 0, BJ_NEEDED, BJ_SAYS "It has run."),
    BJ_END};
const struct bj_schema bj_shell_schema = {"Shell", "A shell session.", shell_fields};
static const struct bj_field shells_fields[] = {
    BJ_OBJECTS("shells", &bj_shell_schema, BJ_NEEDED, BJ_SAYS "All."), BJ_END};
const struct bj_schema bj_shells_schema = {"Shells", "Shell sessions.", shells_fields};

/* ---- keys, presets, events ---- */

static const struct bj_field presets_fields[] = {
    BJ_OBJECTS("presets", NULL, .items = BJ_TYPE_ANY, BJ_NEEDED, BJ_SAYS "The default one first."),
    BJ_END};
const struct bj_schema bj_presets_schema = {"Presets", "What sandboxes can be made of.",
                                            presets_fields};

static const struct bj_field quota_fields[] = {
    BJ_WHOLE("sandboxes", 0, 0, BJ_NEEDED, BJ_SAYS "At once."),
    BJ_WHOLE("processes", 0, 0, BJ_NEEDED, BJ_SAYS "At once, in all its sandboxes."),
    BJ_WHOLE("memory_mb", 0, 0, BJ_NEEDED, BJ_SAYS "Sum of the limits of its sandboxes."),
    BJ_WHOLE("disk_mb", 0, 0, BJ_NEEDED, BJ_SAYS "Likewise."),
    BJ_WHOLE("requests", 0, 0, BJ_NEEDED, BJ_SAYS "Within `window_seconds`."),
    BJ_NUMBER("window_seconds", 0, 0, BJ_NEEDED, BJ_SAYS "See `requests`."),
    BJ_END};
static const struct bj_schema quota_schema = {"Quota", "What an owner may use; 0 = no limit.",
                                              quota_fields};
static const struct bj_field whoami_fields[] = {
    BJ_TEXT("key", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Its name."),
    BJ_TEXT("owner", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "What it owns things as."),
    BJ_TEXTS("scopes", 0, BJ_NEEDED, BJ_SAYS "What it may do."),
    BJ_OBJECT("quota", &quota_schema, BJ_NEEDED, BJ_SAYS "What it may use."), BJ_END};
const struct bj_schema bj_whoami_schema = {"Whoami", "Who asks.", whoami_fields};

static const struct bj_field event_query_fields[] = {
    BJ_TEXT("sandbox", BJ_SANDBOX_ID_MAX - 1, .minimum = 1, BJ_SAYS "Only of it."),
    BJ_WHOLE("after", 0, 9007199254740991.0, BJ_SAYS "Only behind this id."),
    BJ_WHOLE("limit", 1, 1000, BJ_SAYS "Of a list; 100 if it is not said."),
    BJ_SWITCH("everyone", BJ_SAYS "Everyone's; needs the scope `admin`."), BJ_END};
const struct bj_schema bj_event_query_schema = {"EventQuery", "Which.", event_query_fields};

static const struct bj_field last_event_fields[] = {
    BJ_TEXT("Last-Event-ID", 20, BJ_SAYS "`id` of the last event seen: goes on behind it."),
    BJ_END};
const struct bj_schema bj_last_event_schema = {"LastEvent", "", last_event_fields};

static const struct bj_field event_fields[] = {
    BJ_WHOLE("id", 0, 0, BJ_NEEDED, BJ_SAYS "Rises."),
    BJ_TEXT("type", 0, BJ_NEEDED, BJ_SAYS "`sandbox.created` …"),
    BJ_TEXT("time", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "When, in UTC."),
    BJ_TEXT("sandbox", 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Concerned."),
    BJ_WHOLE("process", 0, 0, BJ_MAYBE, BJ_NEEDED, BJ_SAYS "Concerned."),
    BJ_ANY("details", BJ_NEEDED, BJ_SAYS "By type: reason, exit code, tool, record …"),
    BJ_END};
static const struct bj_schema event_schema = {"Event", "Something that happened.", event_fields};
static const struct bj_field events_fields[] = {
    BJ_OBJECTS("events", &event_schema, BJ_NEEDED, BJ_SAYS "The oldest first."), BJ_END};
const struct bj_schema bj_events_schema = {"Events", "What happened.", events_fields};
