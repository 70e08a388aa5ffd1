/*
 * Names of users and groups by the sandbox's own /etc/passwd and /etc/group. Not by getpwuid(3):
 * a static program would load libraries for it, from a tree that the workload may write.
 */
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "files/internal.h"

#define CACHED        64
#define USER_NAME_MAX 64 /* bytes of a name that is told, NUL included; a longer one is none */

static struct database {
    const char *path;
    bool read;
    char *text; /* NULL: there is none */
    struct {
        bool set;
        uint32_t id;
        char name[USER_NAME_MAX];
    } cache[CACHED];
} users = {.path = "/etc/passwd"}, groups = {.path = "/etc/group"};

static const char *text_of(struct database *database)
{
    if (!database->read) {
        database->read = true;
        if (bj_read_file(database->path, BJ_FILES_USERS_MAX, &database->text, NULL, NULL) < 0)
            database->text = NULL;
    }
    return database->text != NULL ? database->text : "";
}

/* A line's NAME:…:ID:… */
static bool parse_line(const char *line, size_t length, char ret_name[USER_NAME_MAX],
                       uint32_t *ret_id)
{
    const char *end = line + length, *colon = memchr(line, ':', length), *second, *third;
    char number[12];
    int64_t id;

    if (colon == NULL || colon == line || colon - line >= USER_NAME_MAX)
        return false;
    second = memchr(colon + 1, ':', (size_t)(end - colon - 1));
    if (second == NULL)
        return false;
    third = memchr(second + 1, ':', (size_t)(end - second - 1));
    if (third == NULL || third - second - 1 >= (ptrdiff_t)sizeof number)
        return false;
    memcpy(number, second + 1, (size_t)(third - second - 1));
    number[third - second - 1] = '\0';
    if (!bj_parse_int64(number, &id) || id < 0 || id > UINT32_MAX)
        return false;
    memcpy(ret_name, line, (size_t)(colon - line));
    ret_name[colon - line] = '\0';
    *ret_id = (uint32_t)id;
    return true;
}

/* Finds a line by name, or by id where `name` is NULL. */
static bool find(struct database *database, const char *name, uint32_t *id,
                 char ret_name[USER_NAME_MAX])
{
    uint32_t found;

    for (const char *line = text_of(database); *line != '\0';) {
        size_t length = strcspn(line, "\n");

        if (parse_line(line, length, ret_name, &found) &&
            (name != NULL ? bj_streq(ret_name, name) : found == *id)) {
            *id = found;
            return true;
        }
        line += length + (line[length] == '\n');
    }
    return false;
}

static const char *name_of(struct database *database, uint32_t id)
{
    size_t place = id % CACHED;

    if (!database->cache[place].set || database->cache[place].id != id) {
        char *name = database->cache[place].name;

        if (!find(database, NULL, &id, name))
            snprintf(name, USER_NAME_MAX, "%u", id);
        database->cache[place].set = true;
        database->cache[place].id = id;
    }
    return database->cache[place].name;
}

static bool id_of(struct database *database, const char *name, uint32_t *ret)
{
    char found[USER_NAME_MAX];
    int64_t number;

    if (find(database, name, ret, found))
        return true;
    if (!bj_parse_int64(name, &number) || number < 0 || number >= UINT32_MAX)
        return false;
    *ret = (uint32_t)number;
    return true;
}

const char *bj_files_user_name(uid_t uid)
{
    return name_of(&users, uid);
}

const char *bj_files_group_name(gid_t gid)
{
    return name_of(&groups, gid);
}

bool bj_files_user_id(const char *name, uint32_t *ret)
{
    return id_of(&users, name, ret);
}

bool bj_files_group_id(const char *name, uint32_t *ret)
{
    return id_of(&groups, name, ret);
}
