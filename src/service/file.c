/*
 * Content of files: init opens them inside the sandbox, as its user, and the descriptor comes here.
 * What is asked for in one piece is read and written by libuv's threads, since a file may be on a
 * disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "service/helper.h"
#include "service/service_internal.h"

/* ---- open ---- */

struct opening {
    struct bj_service *service;
    char sandbox[BJ_SANDBOX_ID_MAX];
    char path[BJ_PATH_MAX];
    struct identity_copy who;
    struct bj_file_open_request request; /* its path is the one above */
    bool tried_parents;
    bj_file_fn done;
    void *context;
};

/* What a refusal of the sandbox's kernel is to the caller. */
void bj_file_explain(struct bj_error *err)
{
    static const struct {
        int number;
        enum bj_code code;
    } codes[] = {
        {ENOENT, BJ_E_NOT_FOUND},   {ENOTDIR, BJ_E_NOT_FOUND},    {EACCES, BJ_E_DENIED},
        {EPERM, BJ_E_DENIED},       {EROFS, BJ_E_DENIED},         {EISDIR, BJ_E_CONFLICT},
        {EEXIST, BJ_E_CONFLICT},    {ENOSPC, BJ_E_FULL},          {EDQUOT, BJ_E_FULL},
        {ELOOP, BJ_E_INVALID},      {ENAMETOOLONG, BJ_E_INVALID}, {ETXTBSY, BJ_E_CONFLICT},
        {ENXIO, BJ_E_INVALID},      {EINVAL, BJ_E_INVALID},       {EFBIG, BJ_E_LIMIT},
        {ENOTEMPTY, BJ_E_CONFLICT},
    };

    for (size_t i = 0; err->code == BJ_E_SYSTEM && i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].number == err->sys_errno)
            err->code = codes[i].code;
    }
}

static void opening_end(struct opening *opening, struct bj_file_answer *answer)
{
    opening->done(opening->context, answer);
    if (answer->fd >= 0)
        close(answer->fd);
    bj_free(opening);
}

static void opening_fail(struct opening *opening, const struct bj_answer *base)
{
    struct bj_file_answer answer = {.base = *base, .fd = -1, .path = opening->path};

    bj_file_explain(&answer.base.error);
    if (answer.base.result == -BJ_E_SYSTEM)
        answer.base.result = -answer.base.error.code;
    opening_end(opening, &answer);
}

static int send_open(struct opening *opening, const struct bj_caller *caller, struct bj_error *err);

static void on_parents(void *context, const struct bj_helper_answer *helped)
{
    struct opening *opening = context;
    struct bj_answer base = helped->base;
    struct bj_error err = {0};
    int result = base.result;

    if (result == 0) {
        result = send_open(opening, &(struct bj_caller){.sandbox = opening->sandbox}, &err);
        base = bj_answer_of(result, &err);
    }
    if (result < 0)
        opening_fail(opening, &base);
}

/* mkdir -p of the directory it is in; then once more. */
static int make_parents(struct opening *opening, struct bj_error *err)
{
    struct bj_caller caller = {&opening->who.identity, opening->sandbox};
    char parent[BJ_PATH_MAX], *slash;
    const char *words[] = {"mkdir", "--", parent, NULL};
    struct bj_helper_request request = {
        .operation = BJ_OPERATION_MKDIR, .path = parent, .words = words};

    bj_str_copy(parent, sizeof parent, opening->path);
    slash = strrchr(parent, '/');
    if (slash == parent)
        slash++;
    *slash = '\0';
    opening->tried_parents = true;
    return bj_helper_run(opening->service, &caller, &request, on_parents, opening, err);
}

static void on_open(void *context, struct bj_answer *base, const struct bj_keeper_answer *keepers)
{
    struct opening *opening = context;
    struct bj_file_answer answer = {.base = *base, .fd = -1, .path = opening->path};
    struct bj_error err = {0};
    struct stat status;

    if (base->result < 0 && base->error.sys_errno == ENOENT && opening->request.write &&
        opening->request.parents && !opening->tried_parents) {
        if (make_parents(opening, &err) == 0)
            return;
        answer.base = bj_answer_of(-err.code, &err);
    }
    if (answer.base.result < 0) {
        opening_fail(opening, &answer.base);
        return;
    }
    if (keepers != NULL && keepers->fds != NULL && keepers->fds->count > 0) {
        answer.fd = keepers->fds->fd[0];
        keepers->fds->fd[0] = -1;
    }
    if (answer.fd < 0 || fstat(answer.fd, &status) < 0)
        answer.base.result =
            bj_fail(&answer.base.error, BJ_E_PROTOCOL, "files", "the keeper gave no file");
    else if (!S_ISREG(status.st_mode))
        answer.base.result =
            bj_fail(&answer.base.error, BJ_E_CONFLICT, "files", "%.400s is %s, not a file",
                    opening->path, S_ISDIR(status.st_mode) ? "a directory" : "something else");
    else
        answer.size = status.st_size;
    if (answer.base.result < 0 && answer.fd >= 0) {
        close(answer.fd);
        answer.fd = -1;
    }
    opening_end(opening, &answer);
}

static int flags_of(const struct bj_file_open_request *request)
{
    if (!request->write)
        return O_RDONLY;
    return O_WRONLY | O_CREAT | (request->append ? O_APPEND : O_TRUNC) |
           (request->exclusive ? O_EXCL : 0);
}

static int send_open(struct opening *opening, const struct bj_caller *caller, struct bj_error *err)
{
    const struct bj_file_open_request *request = &opening->request;
    struct submission submission = {
        .operation = request->write ? BJ_OPERATION_WRITE : BJ_OPERATION_READ,
        .who = &opening->who.identity,
        .request = {.path = opening->path, .tool = caller->tool, .arguments = caller->arguments},
        .act = {.kind = BJ_ACT_OPEN,
                .sandbox = opening->sandbox,
                .path = opening->path,
                .open_flags = flags_of(request),
                .mode = request->write ? (request->mode != 0 ? request->mode & 0777 : 0644) : 0},
    };

    submission.sandbox = bj_registry_find(opening->service, opening->sandbox);
    if (submission.sandbox == NULL)
        return bj_fail(err, BJ_E_ENDED, "service", "the sandbox has ended");
    return bj_submit(opening->service, &submission, on_open, opening, NULL, err);
}

int bj_file_open(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_file_open_request *request, bj_file_fn done, void *context,
                 struct bj_error *err)
{
    struct opening *opening;
    struct sandbox *sandbox;
    int result = bj_registry_resolve(service, caller, false, &sandbox, err);

    if (result < 0)
        return result;
    opening = bj_alloc(sizeof *opening);
    if (opening == NULL)
        return no_memory(err);
    opening->service = service;
    opening->request = *request;
    opening->request.path = opening->path;
    opening->done = done;
    opening->context = context;
    bj_str_copy(opening->sandbox, sizeof opening->sandbox, sandbox->id);
    result = bj_identity_copy(caller->who, &opening->who, err);
    if (result == 0)
        result = bj_path_inside(sandbox, request->path, opening->path, err);
    if (result == 0) {
        bj_path_keep_end(opening->path, request->path);
        result = send_open(opening, caller, err);
    }
    if (result < 0)
        bj_free(opening);
    return result;
}

/* ---- content in one piece ---- */

struct content {
    uv_loop_t *loop;
    uv_fs_t fs;
    int fd;
    bool write;
    char *path; /* owned */
    char *data; /* owned */
    size_t length, capacity, done_bytes;
    struct bj_answer opened;
    bj_content_fn done;
    void *context;
};

static void content_end(struct content *content, int result, const struct bj_error *err)
{
    struct bj_content_answer answer = {.base =
                                           result < 0 ? bj_answer_of(result, err) : content->opened,
                                       .path = content->path,
                                       .data = content->data,
                                       .length = content->done_bytes};

    if (content->fd >= 0 && close(content->fd) < 0 && result == 0 && content->write) {
        answer.base.result = bj_fail_errno(&answer.base.error, "files", "cannot write the file");
        bj_file_explain(&answer.base.error);
        answer.base.result = -answer.base.error.code;
    }
    if (!content->write && result == 0)
        content->data[content->done_bytes] = '\0';
    content->done(content->context, &answer);
    bj_free(content->path);
    bj_free(content->data);
    bj_free(content);
}

static void content_fail_system(struct content *content, int number)
{
    struct bj_error err;

    errno = number;
    bj_fail_errno(&err, "files", "cannot %s %.300s", content->write ? "write" : "read",
                  content->path);
    bj_file_explain(&err);
    content_end(content, -err.code, &err);
}

static void content_go_on(struct content *content);

static void on_transfer(uv_fs_t *fs)
{
    struct content *content = fs->data;
    ssize_t result = fs->result;
    struct bj_error err;

    uv_fs_req_cleanup(fs);
    if (result < 0) {
        content_fail_system(content, (int)-result);
        return;
    }
    content->done_bytes += (size_t)result;
    if (!content->write && content->done_bytes > BJ_CONTENT_MAX) {
        bj_fail(&err, BJ_E_LIMIT, "files", "%.300s is larger than %d bytes; download it instead",
                content->path, BJ_CONTENT_MAX);
        content_end(content, -BJ_E_LIMIT, &err);
        return;
    }
    if (content->write ? content->done_bytes == content->length : result == 0)
        content_end(content, 0, NULL);
    else
        content_go_on(content);
}

/* Room for one byte more than is permitted, so that too much is noticed. */
static bool make_room(struct content *content)
{
    size_t wanted = content->capacity == 0 ? content->length + 1 : content->capacity * 2;
    char *data;

    if (content->done_bytes < content->capacity)
        return true;
    if (wanted < 4096)
        wanted = 4096;
    if (wanted > (size_t)BJ_CONTENT_MAX + 1)
        wanted = (size_t)BJ_CONTENT_MAX + 1;
    data = bj_realloc_array(content->data, wanted + 1, 1);
    if (data == NULL)
        return false;
    content->data = data;
    content->capacity = wanted;
    return true;
}

static void content_go_on(struct content *content)
{
    struct bj_error err;
    uv_buf_t piece;
    int result;

    if (!content->write && !make_room(content)) {
        no_memory(&err);
        content_end(content, -BJ_E_NO_MEMORY, &err);
        return;
    }
    piece = uv_buf_init(content->data + content->done_bytes,
                        (unsigned int)((content->write ? content->length : content->capacity) -
                                       content->done_bytes));
    content->fs.data = content;
    result = content->write
                 ? uv_fs_write(content->loop, &content->fs, content->fd, &piece, 1, -1, on_transfer)
                 : uv_fs_read(content->loop, &content->fs, content->fd, &piece, 1, -1, on_transfer);
    if (result < 0)
        content_fail_system(content, -result);
}

static void on_content_open(void *context, struct bj_file_answer *answer)
{
    struct content *content = context;

    if (answer->base.result < 0) {
        struct bj_content_answer failed = {.base = answer->base, .path = answer->path};

        content->done(content->context, &failed);
        bj_free(content->path);
        bj_free(content->data);
        bj_free(content);
        return;
    }
    content->fd = answer->fd;
    answer->fd = -1;
    content->opened = answer->base;
    content->opened.verdict = NULL;
    content->path = bj_strdup(answer->path);
    if (!content->write)
        content->length =
            answer->size > 0 && answer->size <= BJ_CONTENT_MAX ? (size_t)answer->size : 0;
    if (content->path == NULL) {
        struct bj_error err;

        no_memory(&err);
        content_end(content, -BJ_E_NO_MEMORY, &err);
        return;
    }
    if (content->write && content->length == 0)
        content_end(content, 0, NULL);
    else
        content_go_on(content);
}

static struct content *content_new(struct bj_service *service, bj_content_fn done, void *context)
{
    struct content *content = bj_alloc(sizeof *content);

    if (content == NULL)
        return NULL;
    content->loop = service->loop;
    content->fd = -1;
    content->done = done;
    content->context = context;
    return content;
}

static int begin(struct bj_service *service, const struct bj_caller *caller,
                 const struct bj_file_open_request *request, struct content *content,
                 struct bj_error *err)
{
    int result = bj_file_open(service, caller, request, on_content_open, content, err);

    if (result < 0) {
        bj_free(content->data);
        bj_free(content);
    }
    return result;
}

int bj_file_read(struct bj_service *service, const struct bj_caller *caller, const char *path,
                 bj_content_fn done, void *context, struct bj_error *err)
{
    struct content *content = content_new(service, done, context);

    if (content == NULL)
        return no_memory(err);
    return begin(service, caller, &(struct bj_file_open_request){.path = path}, content, err);
}

int bj_file_write(struct bj_service *service, const struct bj_caller *caller,
                  const struct bj_file_write_request *request, bj_content_fn done, void *context,
                  struct bj_error *err)
{
    struct content *content;

    if (request->length > BJ_CONTENT_MAX)
        return bj_fail(err, BJ_E_LIMIT, "files", "at most %d bytes at once; upload it instead",
                       BJ_CONTENT_MAX);
    content = content_new(service, done, context);
    if (content == NULL)
        return no_memory(err);
    content->write = true;
    content->length = request->length;
    content->data = bj_alloc(request->length + 1);
    if (content->data == NULL) {
        bj_free(content);
        return no_memory(err);
    }
    memcpy(content->data, request->data, request->length);
    return begin(service, caller,
                 &(struct bj_file_open_request){.path = request->path,
                                                .write = true,
                                                .append = request->append,
                                                .parents = true,
                                                .mode = request->mode},
                 content, err);
}
