/* ls, cat. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "client/client.h"

/* SANDBOX:PATH, as cp has it; SANDBOX alone has no path. A name that no sandbox can have is for the
 * service to refuse. */
struct place {
    char sandbox[BJ_PATH_MAX];
    const char *path; /* NULL = none is named */
};

static int parse_place(const char *text, struct place *ret, struct bj_error *err)
{
    size_t length = strcspn(text, ":");

    if (length == 0 || length >= sizeof ret->sandbox)
        return bj_fail(err, BJ_E_INVALID, "files", "%.100s names no sandbox", text);
    memcpy(ret->sandbox, text, length);
    ret->sandbox[length] = '\0';
    ret->path = text[length] == ':' && text[length + 1] != '\0' ? text + length + 1 : NULL;
    return 0;
}

/* ---- ls ---- */

/* "drwxr-xr-x", from the type's name and octal permissions. */
static void permissions_text(const json_t *file, char ret[11])
{
    const char *type = bj_client_text(file, "type"), *mode = bj_client_text(file, "mode");
    unsigned bits = 0;

    for (; *mode >= '0' && *mode <= '7'; mode++)
        bits = bits * 8 + (unsigned)(*mode - '0');
    ret[0] = bj_streq(type, "file") ? '-' : *type != '\0' ? *type : '?';
    for (int i = 0; i < 9; i++)
        ret[i + 1] = bits & (0400u >> i) ? "rwx"[i % 3] : '-';
    if (bits & 01000)
        ret[9] = ret[9] == 'x' ? 't' : 'T';
    ret[10] = '\0';
}

static void print_file(const struct bj_client *client, const json_t *file, size_t skip)
{
    const char *path = bj_client_text(file, "path");
    char permissions[11];

    if (client->options.long_list) {
        permissions_text(file, permissions);
        printf("%s  ", permissions);
        bj_client_print_cell(bj_client_text(file, "user"), 10);
        bj_client_print_cell(bj_client_text(file, "group"), 10);
        printf("%12.0f  ", bj_client_number(file, "size"));
        bj_client_print_cell(bj_client_text(file, "modified"), 26);
    }
    bj_client_print_cell(strlen(path) > skip ? path + skip : path, 0);
    if (client->options.long_list && json_is_string(json_object_get(file, "link"))) {
        fputs(" -> ", stdout);
        bj_client_print_cell(bj_client_text(file, "link"), 0);
    }
    putchar('\n');
}

/* Names are shown from the directory on. All entries have its path in front, and one is right in
 * it. */
static size_t common_length(const json_t *files)
{
    size_t shortest = SIZE_MAX, at;
    const json_t *file;

    json_array_foreach(files, at, file)
    {
        size_t length = strlen(bj_client_text(file, "path")) - strlen(bj_client_text(file, "name"));

        if (length < shortest)
            shortest = length;
    }
    return shortest;
}

/* What is in the directory; what is no directory is itself all that there is. *ret is the caller's.
 */
static int list(struct bj_client *client, const char *sandbox, const char *where, json_t **ret,
                struct bj_error *err)
{
    char depth[32] = "";
    BJ_CLEANUP_FREE char *path = NULL, *itself = NULL;
    json_t *file = NULL;
    struct bj_error ignored;
    int result;

    if (client->options.depth.given)
        snprintf(depth, sizeof depth, "&depth=%.0f", client->options.depth.value);
    path = bj_client_path("/v1/sandboxes/", sandbox, "/files?limit=100000", "", depth, "",
                          where != NULL ? "&path=" : "", where != NULL ? where : "", NULL);
    result = bj_client_json(client, "GET", path, NULL, ret, err);
    if (result != -BJ_E_INVALID || where == NULL)
        return result;
    itself = bj_client_path("/v1/sandboxes/", sandbox, "/files/stat?path=", where, NULL);
    if (bj_client_json(client, "GET", itself, NULL, &file, &ignored) < 0 ||
        bj_streq(bj_client_text(file, "type"), "directory")) {
        json_decref(file);
        return result;
    }
    *ret = json_pack("{s:[o], s:b}", "files", file, "itself", true);
    return 0;
}

int bj_client_ls(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    const char *where;
    json_t *answer = NULL, *file;
    struct place place;
    size_t at, skip;
    int result = parse_place(client->arguments[0], &place, err);

    (void)ret_status;
    if (result < 0)
        return result;
    if (strchr(client->arguments[0], ':') != NULL && client->argument_count > 1)
        return bj_fail(err, BJ_E_INVALID, "ls", "give the path once: %s:PATH or %s PATH",
                       place.sandbox, place.sandbox);
    where = client->argument_count > 1 ? client->arguments[1] : place.path;
    result = list(client, place.sandbox, where, &answer, err);
    if (result == 0 && client->options.json)
        result = bj_client_print_json(json_object_get(answer, "files"), err);
    skip = common_length(json_object_get(answer, "files"));
    json_array_foreach(json_object_get(answer, "files"), at, file)
    {
        bool named = json_is_true(json_object_get(answer, "itself"));

        if (client->options.json)
            break;
        if (client->options.all || named || bj_client_text(file, "name")[0] != '.')
            print_file(client, file, skip);
    }
    if (json_is_true(json_object_get(answer, "truncated")))
        fprintf(stderr, "belljar ls: there are more than are shown\n");
    json_decref(answer);
    return result;
}

/* ---- cat ---- */

static size_t to_stdout(void *context, const char *data, size_t length)
{
    (void)context;
    return bj_client_write(STDOUT_FILENO, data, length) == 0 ? length : 0;
}

/* As JSON a file is {"path", "text"}, or "base64" where it is no text. */
static json_t *file_object(const char *path, const struct bj_buf *content)
{
    json_t *text = json_stringn(bj_buf_text(content), content->length), *object;
    struct bj_buf encoded;

    if (text != NULL)
        return json_pack("{s:s, s:o}", "path", path, "text", text);
    bj_buf_init(&encoded, 2 * BJ_CLIENT_ANSWER_MAX);
    bj_base64_put(&encoded, bj_buf_text(content), content->length);
    object = json_pack("{s:s, s:s#}", "path", path, "base64", bj_buf_text(&encoded),
                       (int)encoded.length);
    bj_buf_release(&encoded);
    return object;
}

static int cat_one(struct bj_client *client, const char *sandbox, const char *name, json_t *files,
                   struct bj_error *err)
{
    struct bj_client_call call = {.take = files == NULL ? to_stdout : NULL};
    BJ_CLEANUP_FREE char *path =
        bj_client_path("/v1/sandboxes/", sandbox, "/files/content?path=", name, NULL);
    int result = bj_client_ask(client, path, &call, err);

    if (result == 0 && files != NULL)
        json_array_append_new(files, file_object(name, &call.answer));
    bj_client_release(&call);
    return result;
}

/* SANDBOX PATH…, or SANDBOX:PATH each. */
int bj_client_cat(struct bj_client *client, int *ret_status, struct bj_error *err)
{
    bool joined = strchr(client->arguments[0], ':') != NULL;
    json_t *files;
    struct place place;
    int result = parse_place(client->arguments[0], &place, err);

    (void)ret_status;
    if (result < 0)
        return result;
    if (!joined && client->argument_count < 2)
        return bj_fail(err, BJ_E_INVALID, "cat", "name a file too: %s:PATH or %s PATH",
                       place.sandbox, place.sandbox);
    files = client->options.json ? json_array() : NULL;
    for (int i = joined ? 0 : 1; i < client->argument_count && result == 0; i++) {
        const char *name = client->arguments[i];

        if (joined) {
            result = parse_place(name, &place, err);
            if (result == 0 && place.path == NULL)
                result = bj_fail(err, BJ_E_INVALID, "cat", "%.100s is not SANDBOX:PATH", name);
            name = place.path;
        }
        if (result == 0)
            result = cat_one(client, place.sandbox, name, files, err);
    }
    if (files != NULL && result == 0)
        result = bj_client_print_json(files, err);
    json_decref(files);
    return result;
}
