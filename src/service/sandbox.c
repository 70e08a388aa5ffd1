/*
 * Making sandboxes, changing and ending them.
 *
 * Everything that asks for the same sandbox while it is being made waits for the one creation: the
 * first use of a key's own sandbox by many requests at once makes one, and so does an idempotency
 * key that is sent again before the first answer.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/str.h"
#include "service/client_options.h"
#include "service/service_internal.h"
#include "service/shell_internal.h"
#include "service/variables.h"

/* Somebody who waits for a sandbox. */
struct asker {
    struct asker *next;
    bj_sandbox_fn done;
    void *context;
};

struct creation {
    struct creation *next;
    struct bj_service *service;
    struct owner *owner;
    char *name;           /* what else asks for the same one; NULL = nothing does */
    char fingerprint[24]; /* of what was asked for */
    char id[BJ_SANDBOX_ID_MAX];
    struct asker *askers, **last;
    /* While it is being put together: */
    struct bj_client_config options;
    json_t *label;
    struct bj_buf label_text;
    int64_t timeout_us, idle_us;
};

/* 20 letters and digits: 103 bits. */
static int choose_id(char ret[BJ_SANDBOX_ID_MAX], struct bj_error *err)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    unsigned char bytes[64];
    size_t length = 0;

    while (length < 20) {
        if (BJ_SYS(getrandom(bytes, sizeof bytes, 0)) != sizeof bytes)
            return bj_fail_errno(err, "service", "cannot make an identifier");
        for (size_t i = 0; i < sizeof bytes && length < 20; i++) {
            if (bytes[i] < 252) /* 7 * 36: none is likelier than another */
                ret[length++] = letters[bytes[i] % 36];
        }
    }
    ret[length] = '\0';
    return 0;
}

/* ---- creations ---- */

/* Nobody can join it any more. */
static void unlink_creation(struct creation *creation)
{
    struct creation **slot = &creation->service->creations;

    while (*slot != NULL && *slot != creation)
        slot = &(*slot)->next;
    if (*slot == creation)
        *slot = creation->next;
}

static void creation_free(struct creation *creation)
{
    unlink_creation(creation);
    while (creation->askers != NULL) {
        struct asker *asker = creation->askers;

        creation->askers = asker->next;
        bj_free(asker);
    }
    bj_client_config_release(&creation->options);
    bj_buf_release(&creation->label_text);
    json_decref(creation->label);
    bj_free(creation->name);
    bj_free(creation);
}

static struct creation *creation_new(struct bj_service *service, struct owner *owner)
{
    struct creation *creation = bj_alloc(sizeof *creation);

    if (creation == NULL)
        return NULL;
    creation->service = service;
    creation->owner = owner;
    creation->last = &creation->askers;
    creation->next = service->creations;
    service->creations = creation;
    return creation;
}

static int add_asker(struct creation *creation, bj_sandbox_fn done, void *context,
                     struct bj_error *err)
{
    struct asker *asker = bj_alloc(sizeof *asker);

    if (asker == NULL)
        return no_memory(err);
    *asker = (struct asker){.done = done, .context = context};
    *creation->last = asker;
    creation->last = &asker->next;
    return 0;
}

/* All of them, the first as the one who made it. Whoever asks from now on finds what was made. */
static void answer_askers(struct creation *creation, struct bj_sandbox_answer *answer)
{
    unlink_creation(creation);
    while (creation->askers != NULL) {
        struct asker *asker = creation->askers;

        creation->askers = asker->next;
        asker->done(asker->context, answer);
        bj_free(asker);
        answer->existed = true;
    }
}

static void on_created(void *context, struct bj_answer *base,
                       const struct bj_keeper_answer *keepers)
{
    struct creation *creation = context;
    struct bj_sandbox_answer answer = {.base = *base};
    const char *strings[BJ_STATE_STRINGS];
    struct bj_sandbox_state state;
    struct bj_sandbox_view view;
    struct sandbox *sandbox = NULL;

    if (base->result == 0 && keepers != NULL && keepers->message != NULL &&
        bj_sandbox_state_get(keepers->message, strings, BJ_STATE_STRINGS, &state,
                             &answer.base.error) == 0 &&
        bj_streq(state.id, creation->id))
        sandbox = bj_registry_learn(creation->service, &state);
    if (sandbox != NULL) {
        bj_sandbox_view(sandbox, &view);
        answer.sandbox = &view;
    } else if (base->result == 0) {
        answer.base.result = bj_fail(&answer.base.error, BJ_E_ENDED, "service",
                                     "the sandbox ended before it was told of");
    }
    answer_askers(creation, &answer);
    creation_free(creation);
}

/* Somebody else's asking for the same one, or what was made of it. The owner is part of the name.
 */
static struct creation *find_creation(const struct bj_service *service, const struct owner *owner,
                                      const char *name)
{
    struct creation *creation = service->creations;

    while (creation != NULL &&
           !(creation->owner == owner && creation->name != NULL && bj_streq(creation->name, name)))
        creation = creation->next;
    return creation;
}

/* ---- one that is there already ---- */

struct there {
    struct bj_service *service;
    char id[BJ_SANDBOX_ID_MAX];
    bj_sandbox_fn done;
    void *context;
};

static void answer_there(void *context)
{
    struct there *there = context;
    struct sandbox *sandbox = bj_registry_find(there->service, there->id);
    struct bj_sandbox_answer answer = {.existed = true};
    struct bj_sandbox_view view;

    if (sandbox != NULL) {
        bj_sandbox_view(sandbox, &view);
        answer.sandbox = &view;
    } else {
        answer.base.result =
            bj_fail(&answer.base.error, BJ_E_ENDED, "service", "the sandbox has just ended");
    }
    there->done(there->context, &answer);
    bj_free(there);
}

static int answer_existing(struct bj_service *service, const struct sandbox *sandbox,
                           bj_sandbox_fn done, void *context, struct bj_error *err)
{
    struct there *there = bj_alloc(sizeof *there);
    int result;

    if (there == NULL)
        return no_memory(err);
    *there = (struct there){.service = service, .done = done, .context = context};
    bj_str_copy(there->id, sizeof there->id, sandbox->id);
    result = bj_later(service, answer_there, there, err);
    if (result < 0)
        bj_free(there);
    return result;
}

static struct sandbox *find_by_idempotency(const struct bj_service *service,
                                           const struct owner *owner, const char *key)
{
    for (struct sandbox *sandbox = service->newest; sandbox != NULL; sandbox = sandbox->older) {
        const char *other = bj_label_text(sandbox->label, "idempotency");

        if (sandbox->owner == owner && other != NULL && bj_streq(other, key))
            return sandbox;
    }
    return NULL;
}

/* ---- what is asked for ---- */

static int check_metadata(const json_t *metadata, struct bj_error *err)
{
    const char *name;
    json_t *value;

    if (metadata != NULL && !json_is_object(metadata))
        return bj_fail(err, BJ_E_INVALID, "service", "metadata: expected an object of texts");
    if (json_object_size(metadata) > BJ_METADATA_MAX)
        return bj_fail(err, BJ_E_INVALID, "service", "metadata: at most %d pairs", BJ_METADATA_MAX);
    json_object_foreach((json_t *)metadata, name, value)
    {
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
            return bj_fail(err, BJ_E_INVALID, "service",
                           "metadata: expected texts without NUL as values");
    }
    return 0;
}

static int check_idempotency(const char *key, struct bj_error *err)
{
    if (key != NULL && (key[0] == '\0' || strlen(key) > BJ_IDEMPOTENCY_MAX))
        return bj_fail(err, BJ_E_INVALID, "service", "expected an idempotency key of 1 to %d bytes",
                       BJ_IDEMPOTENCY_MAX);
    return 0;
}

static int check_time(const struct bj_service *service, const char *what, int64_t time_us,
                      struct bj_error *err)
{
    int64_t maximum = service->options.max_timeout_us;

    if (time_us < 0 || time_us > INT64_MAX / 4)
        return bj_fail(err, BJ_E_INVALID, "service", "%s: expected 0 or a length of time", what);
    if (maximum > 0 && time_us > maximum)
        return bj_fail(err, BJ_E_INVALID, "service", "%s: at most %lld seconds are permitted here",
                       what, (long long)(maximum / 1000000));
    return 0;
}

/* The time until it ends by itself; the service may want one. */
static int choose_times(struct creation *creation, const struct preset *preset,
                        const struct bj_sandbox_request *request, struct bj_error *err)
{
    const struct bj_config *given = &creation->options.config;
    int64_t maximum = creation->service->options.max_timeout_us;
    int64_t minutes = bj_config_said(given, BJ_OPT_SESSION_TIMEOUT)
                          ? given->session_timeout_minutes
                          : preset->source->config.session_timeout_minutes;
    int64_t session_us = minutes * 60 * 1000000;
    int result;

    creation->timeout_us = request->timeout_us >= 0 ? request->timeout_us : session_us;
    creation->idle_us = request->idle_us >= 0 ? request->idle_us : 0;
    if (request->timeout_us < 0 && maximum > 0 &&
        (creation->timeout_us == 0 || creation->timeout_us > maximum))
        creation->timeout_us = maximum;
    result = check_time(creation->service, "timeout", creation->timeout_us, err);
    if (result == 0)
        result = check_time(creation->service, "idle timeout", creation->idle_us, err);
    if (result == 0 && maximum > 0 && creation->timeout_us == 0)
        result = bj_fail(err, BJ_E_INVALID, "service",
                         "timeout: 0, never, is not permitted here; at most %lld seconds are",
                         (long long)(maximum / 1000000));
    return result;
}

static bool set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

static char *rules_text(const struct bj_client_config *options)
{
    json_t *root;
    char *text;

    if (options->rules == NULL)
        return NULL;
    root = json_pack("{s:O}", "security", options->rules);
    text = root != NULL ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    return text;
}

/* Rules are tried here, so that a wrong pattern is an error of the request. */
static int put_rules(struct creation *creation, struct bj_error *err)
{
    BJ_CLEANUP_FREE char *text = rules_text(&creation->options);
    struct rules *rules = NULL;
    int result;

    if (text == NULL)
        return creation->options.rules == NULL ? 0 : no_memory(err);
    result = bj_rules_get(creation->service, text, &rules, err);
    if (result == -BJ_E_CONFIG) {
        if (err != NULL)
            err->code = BJ_E_INVALID;
        result = -BJ_E_INVALID;
    }
    if (result < 0)
        return result;
    bj_rules_leave(creation->service, rules);
    return set(creation->label, "rules", json_string(text)) ? 0 : no_memory(err);
}

static int put_label(struct creation *creation, const struct bj_identity *who,
                     const struct bj_sandbox_request *request, bool is_default,
                     struct bj_error *err)
{
    const struct bj_config *given = &creation->options.config;
    json_t *label = creation->label = json_object(), *environment = NULL;
    bool right = label != NULL && set(label, "key", json_string(who->key)) &&
                 set(label, "timeout_us", json_integer(creation->timeout_us)) &&
                 set(label, "idle_us", json_integer(creation->idle_us));
    int result = bj_variables_merge(given->environment, request->environment, &environment, err);

    if (result < 0)
        return result;
    if (environment != NULL)
        right = set(label, "environment", environment) && right;
    if (right && request->metadata != NULL)
        right = json_object_set(label, "metadata", (json_t *)request->metadata) == 0;
    if (right && is_default)
        right = set(label, "default", json_true());
    if (right && request->idempotency_key != NULL)
        right = set(label, "idempotency", json_string(request->idempotency_key));
    if (right && bj_config_said(given, BJ_OPT_TIMEOUT_SECONDS))
        right = set(label, "run_seconds", json_integer(given->timeout_seconds));
    if (right && bj_config_said(given, BJ_OPT_OUTPUT_LIMIT_MB))
        right = set(label, "output_mb", json_integer(given->output_limit_mb));
    return right ? put_rules(creation, err) : no_memory(err);
}

/* What tells one request from another, for idempotency keys: all of it but when it was made. */
static int put_fingerprint(struct creation *creation, const char *preset, struct bj_error *err)
{
    static const uint8_t secret[16];
    struct bj_buf text;
    int result = bj_label_write(creation->label, &text, err);

    if (result < 0)
        return result;
    bj_buf_puts(&text, preset);
    for (size_t i = 0; i < creation->options.count; i++)
        bj_buf_printf(&text, " %s", creation->options.pairs[i]);
    snprintf(creation->fingerprint, sizeof creation->fingerprint, "%016llx",
             (unsigned long long)bj_siphash(secret, text.data, text.length));
    bj_buf_release(&text);
    if (set(creation->label, "request", json_string(creation->fingerprint)) &&
        set(creation->label, "created_ms", json_integer(bj_clock_wall_ms())))
        return bj_label_write(creation->label, &creation->label_text, err);
    return no_memory(err);
}

static int64_t bytes_of(const struct creation *creation, enum bj_option_id id, int64_t given_mb,
                        int64_t preset_mb)
{
    return (bj_config_said(&creation->options.config, id) ? given_mb : preset_mb) << 20;
}

static int send_creation(struct creation *creation, const struct bj_identity *who,
                         const struct preset *preset, struct bj_error *err)
{
    const struct bj_config *given = &creation->options.config, *base = &preset->source->config;
    BJ_CLEANUP_FREE char *arguments = NULL;
    struct submission submission = {
        .operation = BJ_OPERATION_CREATE,
        .who = who,
        .request = {.sandbox = creation->id},
        .act = {.kind = BJ_ACT_CREATE,
                .sandbox = creation->id,
                .preset = preset->source->name,
                .options = creation->options.pairs,
                .timeout_us = creation->timeout_us,
                .idle_us = creation->idle_us,
                .label = bj_buf_text(&creation->label_text)},
        .counts_sandbox = true,
        .memory_bytes = bytes_of(creation, BJ_OPT_MEMORY_MB, given->memory_mb, base->memory_mb),
        .disk_bytes = bytes_of(creation, BJ_OPT_DISK_MB, given->disk_mb, base->disk_mb),
    };
    json_t *shown = json_pack("{s:s, s:O*, s:O*}", "preset", preset->source->name, "metadata",
                              json_object_get(creation->label, "metadata"), "security",
                              creation->options.rules);

    arguments = shown != NULL ? json_dumps(shown, JSON_COMPACT) : NULL;
    json_decref(shown);
    if (arguments == NULL)
        return no_memory(err);
    submission.request.arguments = arguments;
    return bj_submit(creation->service, &submission, on_created, creation, NULL, err);
}

/* ---- create ---- */

/* Somebody asked for it before: joins them, or answers with what they got. 1: nobody did. */
static int join(struct creation *creation, const char *key, bj_sandbox_fn done, void *context,
                struct bj_error *err)
{
    struct bj_service *service = creation->service;
    struct creation *other = find_creation(service, creation->owner, key);
    struct sandbox *sandbox = find_by_idempotency(service, creation->owner, key);
    const char *before = other != NULL     ? other->fingerprint
                         : sandbox != NULL ? bj_label_text(sandbox->label, "request")
                                           : NULL;

    if (before == NULL)
        return 1;
    if (!bj_streq(before, creation->fingerprint))
        return bj_fail(err, BJ_E_CONFLICT, "service",
                       "this idempotency key was used for another request; choose a new one");
    return other != NULL ? add_asker(other, done, context, err)
                         : answer_existing(service, sandbox, done, context, err);
}

static int fail_preset(const struct bj_service *service, const char *name, struct bj_error *err)
{
    int result = bj_fail(err, BJ_E_NOT_FOUND, "preset", "no such preset: %.64s; there %s", name,
                         service->options.preset_count == 1 ? "is" : "are");

    for (uint32_t i = 0; i < service->options.preset_count; i++)
        bj_error_append(err, "%s %.64s", i > 0 ? "," : "", service->options.presets[i].name);
    return result;
}

static int prepare(struct creation *creation, const struct bj_identity *who,
                   const struct bj_sandbox_request *request, bool is_default,
                   const struct preset **ret_preset, struct bj_error *err)
{
    const struct bj_service *service = creation->service;
    const char *name = request->preset != NULL ? request->preset : service->options.default_preset;
    const struct preset *preset = bj_judge_preset(service, name);
    int result = check_metadata(request->metadata, err);

    if (result == 0)
        result = check_idempotency(request->idempotency_key, err);
    if (result == 0 && preset == NULL)
        result = fail_preset(service, name, err);
    if (result == 0)
        result = bj_client_config_read(&creation->options, request->config, err);
    if (result == 0)
        result = choose_times(creation, preset, request, err);
    if (result == 0)
        result = put_label(creation, who, request, is_default, err);
    if (result == 0)
        result = put_fingerprint(creation, preset->source->name, err);
    if (result == 0)
        result = choose_id(creation->id, err);
    *ret_preset = preset;
    return result;
}

static int create(struct bj_service *service, const struct bj_identity *who,
                  const struct bj_sandbox_request *request, const char *name, bj_sandbox_fn done,
                  void *context, struct bj_error *err)
{
    struct owner *owner = bj_owner_get(service, who->owner);
    struct creation *creation = owner != NULL ? creation_new(service, owner) : NULL;
    const struct preset *preset;
    int result;

    if (creation == NULL)
        return no_memory(err);
    result = prepare(creation, who, request, name != NULL, &preset, err);
    if (result == 0 && request->idempotency_key != NULL) {
        result = join(creation, request->idempotency_key, done, context, err);
        if (result <= 0) {
            creation_free(creation);
            return result;
        }
        name = request->idempotency_key;
        result = 0;
    }
    if (result == 0 && name != NULL) {
        creation->name = bj_strdup(name);
        if (creation->name == NULL)
            result = no_memory(err);
    }
    if (result == 0)
        result = add_asker(creation, done, context, err);
    if (result == 0)
        result = send_creation(creation, who, preset, err);
    if (result < 0)
        creation_free(creation);
    return result;
}

static int check_ready(const struct bj_service *service, struct bj_error *err)
{
    return service->ready ? 0 : bj_fail(err, BJ_E_BUSY, "service", "the service is starting");
}

int bj_sandbox_make(struct bj_service *service, const struct bj_identity *who,
                    const struct bj_sandbox_request *request, bj_sandbox_fn done, void *context,
                    struct bj_error *err)
{
    int result = check_ready(service, err);

    return result < 0 ? result : create(service, who, request, NULL, done, context, err);
}

int bj_sandbox_default(struct bj_service *service, const struct bj_identity *who,
                       bj_sandbox_fn done, void *context, struct bj_error *err)
{
    struct bj_sandbox_request request = {.timeout_us = 0, .idle_us = -1};
    struct sandbox *sandbox;
    struct creation *creation;
    struct owner *owner;
    const struct preset *preset;
    char name[600]; /* longer than any idempotency key, so that it is none */
    int result = check_ready(service, err);

    if (result < 0)
        return result;
    sandbox = bj_registry_default(service, who);
    if (sandbox != NULL)
        return answer_existing(service, sandbox, done, context, err);
    owner = bj_owner_get(service, who->owner);
    if (owner == NULL)
        return no_memory(err);
    memset(name, ' ', BJ_IDEMPOTENCY_MAX + 1);
    snprintf(name + BJ_IDEMPOTENCY_MAX + 1, sizeof name - BJ_IDEMPOTENCY_MAX - 1, "%s", who->key);
    creation = find_creation(service, owner, name);
    if (creation != NULL)
        return add_asker(creation, done, context, err);
    preset = bj_judge_preset(service, service->options.default_preset);
    request.idle_us = preset->source->config.session_timeout_minutes * 60 * 1000000;
    if (service->options.max_timeout_us > 0) {
        request.timeout_us = service->options.max_timeout_us;
        if (request.idle_us > request.timeout_us)
            request.idle_us = request.timeout_us;
    }
    return create(service, who, &request, name, done, context, err);
}

/* ---- change ---- */

struct change {
    struct bj_service *service;
    char id[BJ_SANDBOX_ID_MAX];
    bool ends, updates;
    bj_sandbox_fn done;
    void *context;
};

/* The answer has the state; what the keeper says unasked may come before it or after. */
static void on_changed(void *context, struct bj_answer *base,
                       const struct bj_keeper_answer *keepers)
{
    struct change *change = context;
    struct bj_sandbox_answer answer = {.base = *base};
    struct sandbox *sandbox = bj_registry_find(change->service, change->id);
    struct bj_sandbox_view view = {.id = change->id, .phase = BJ_SANDBOX_ENDED};
    const char *strings[BJ_STATE_STRINGS];
    struct bj_sandbox_state state;

    if (base->result == 0 && keepers != NULL && keepers->message != NULL &&
        keepers->message->head.length > 0 &&
        bj_sandbox_state_get(keepers->message, strings, BJ_STATE_STRINGS, &state, NULL) == 0 &&
        bj_streq(state.id, change->id) && sandbox != NULL)
        sandbox = bj_registry_learn(change->service, &state);
    if (change->updates && sandbox != NULL && --sandbox->labels_waiting == 0) {
        json_decref(sandbox->label_sent);
        sandbox->label_sent = NULL;
    }
    if (base->result == 0 && change->ends && sandbox != NULL) {
        bj_registry_end(change->service, sandbox, "killed");
        sandbox = NULL;
    }
    if (sandbox != NULL)
        bj_sandbox_view(sandbox, &view);
    answer.sandbox = base->result == 0 ? &view : NULL;
    change->done(change->context, &answer);
    bj_free(change);
}

static int send_change(struct bj_service *service, const struct submission *submission,
                       bj_sandbox_fn done, void *context, struct bj_error *err)
{
    struct change *change = bj_alloc(sizeof *change);
    int result;

    if (change == NULL)
        return no_memory(err);
    *change = (struct change){.service = service,
                              .done = done,
                              .context = context,
                              .ends = submission->operation == BJ_OPERATION_KILL,
                              .updates = submission->operation == BJ_OPERATION_UPDATE};
    bj_str_copy(change->id, sizeof change->id, submission->sandbox->id);
    result = bj_submit(service, submission, on_changed, change, NULL, err);
    if (result < 0)
        bj_free(change);
    return result;
}

/* Labels are changed one behind the other, also before the keeper has answered: each begins with
 * what was sent last. */
static json_t *latest_label(const struct sandbox *sandbox)
{
    return json_copy(sandbox->label_sent != NULL ? sandbox->label_sent : sandbox->label);
}

static json_t *changed_label(const struct sandbox *sandbox, const struct bj_sandbox_change *change)
{
    json_t *label = latest_label(sandbox);
    bool right = label != NULL;

    if (right && change->timeout_us != BJ_KEEP_TIME)
        right = set(label, "timeout_us", json_integer(change->timeout_us));
    if (right && change->idle_us != BJ_KEEP_TIME)
        right = set(label, "idle_us", json_integer(change->idle_us));
    if (right && change->metadata != NULL)
        right = json_object_set(label, "metadata", (json_t *)change->metadata) == 0;
    if (right)
        return label;
    json_decref(label);
    return NULL;
}

/* Takes the label over. */
static int send_label(struct bj_service *service, const struct bj_caller *caller,
                      struct sandbox *sandbox, json_t *label,
                      const struct bj_sandbox_change *change, bj_sandbox_fn done, void *context,
                      struct bj_error *err)
{
    struct bj_buf text;
    int result = bj_label_write(label, &text, err);

    if (result == 0) {
        result = send_change(service,
                             &(struct submission){.operation = BJ_OPERATION_UPDATE,
                                                  .who = caller->who,
                                                  .sandbox = sandbox,
                                                  .act = {.kind = BJ_ACT_UPDATE,
                                                          .sandbox = sandbox->id,
                                                          .timeout_us = change->timeout_us,
                                                          .idle_us = change->idle_us,
                                                          .label = bj_buf_text(&text)}},
                             done, context, err);
        bj_buf_release(&text);
    }
    if (result < 0) {
        json_decref(label);
        return result;
    }
    json_decref(sandbox->label_sent);
    sandbox->label_sent = label;
    sandbox->labels_waiting++;
    return 0;
}

int bj_sandbox_update(struct bj_service *service, const struct bj_caller *caller,
                      const struct bj_sandbox_change *change, bj_sandbox_fn done, void *context,
                      struct bj_error *err)
{
    struct sandbox *sandbox;
    int result = bj_registry_resolve(service, caller, false, &sandbox, err);

    if (result == 0)
        result = check_metadata(change->metadata, err);
    if (result == 0 && change->timeout_us != BJ_KEEP_TIME)
        result = check_time(service, "timeout", change->timeout_us, err);
    if (result == 0 && change->timeout_us == 0 && service->options.max_timeout_us > 0)
        result = bj_fail(err, BJ_E_INVALID, "service", "timeout: 0, never, is not permitted here");
    if (result == 0 && change->idle_us != BJ_KEEP_TIME)
        result = check_time(service, "idle timeout", change->idle_us, err);
    if (result < 0)
        return result;
    return send_label(service, caller, sandbox, changed_label(sandbox, change), change, done,
                      context, err);
}

int bj_sandbox_name_shell(struct bj_service *service, const struct bj_caller *caller,
                          const char *name, const char *directory, bj_sandbox_fn done,
                          void *context, struct bj_error *err)
{
    static const struct bj_sandbox_change nothing = {.timeout_us = BJ_KEEP_TIME,
                                                     .idle_us = BJ_KEEP_TIME};
    struct sandbox *sandbox;
    json_t *label, *shells;
    bool right;
    int result = bj_registry_resolve(service, caller, false, &sandbox, err);

    if (result < 0)
        return result;
    label = latest_label(sandbox);
    shells = json_copy(json_object_get(label, "shells"));
    if (shells == NULL)
        shells = json_object();
    right = label != NULL && shells != NULL;
    if (right && directory != NULL)
        right = json_object_set_new(shells, name, json_string(directory)) == 0;
    else if (right)
        json_object_del(shells, name);
    if (!right || !set(label, "shells", shells)) {
        json_decref(label);
        return no_memory(err);
    }
    return send_label(service, caller, sandbox, label, &nothing, done, context, err);
}

static int act(struct bj_service *service, const struct bj_caller *caller,
               const struct submission *form, bj_sandbox_fn done, void *context,
               struct bj_error *err)
{
    struct submission submission = *form;
    int result = bj_registry_resolve(service, caller, true, &submission.sandbox, err);

    if (result < 0)
        return result;
    if (submission.operation == BJ_OPERATION_PAUSE &&
        submission.sandbox->phase != BJ_SANDBOX_RUNNING)
        return bj_fail(err, BJ_E_CONFLICT, "service", "the sandbox is paused already");
    if (submission.operation == BJ_OPERATION_RESUME &&
        submission.sandbox->phase != BJ_SANDBOX_PAUSED)
        return bj_fail(err, BJ_E_CONFLICT, "service", "the sandbox is not paused");
    submission.who = caller->who;
    submission.act.sandbox = submission.sandbox->id;
    return send_change(service, &submission, done, context, err);
}

int bj_sandbox_pause(struct bj_service *service, const struct bj_caller *caller, bj_sandbox_fn done,
                     void *context, struct bj_error *err)
{
    return act(service, caller,
               &(struct submission){.operation = BJ_OPERATION_PAUSE, .act.kind = BJ_ACT_PAUSE},
               done, context, err);
}

int bj_sandbox_resume(struct bj_service *service, const struct bj_caller *caller,
                      bj_sandbox_fn done, void *context, struct bj_error *err)
{
    return act(service, caller,
               &(struct submission){.operation = BJ_OPERATION_RESUME, .act.kind = BJ_ACT_RESUME},
               done, context, err);
}

int bj_sandbox_kill(struct bj_service *service, const struct bj_caller *caller, bj_sandbox_fn done,
                    void *context, struct bj_error *err)
{
    return act(service, caller,
               &(struct submission){.operation = BJ_OPERATION_KILL, .act.kind = BJ_ACT_DESTROY},
               done, context, err);
}
