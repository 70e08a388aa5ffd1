/* Globs with home directories. */
#include "policy/rule_glob.h"

#include <ctype.h>
#include <string.h>

#include "policy/glob.h"
#include "policy/word.h"

/* Length of the home directory that the text begins with; 0 if it begins with none. */
static size_t home_length(const char *text, size_t length, const char *home)
{
    static const char *const above[] = {"/home/", "/Users/"};
    size_t home_size = home != NULL ? strlen(home) : 0;

    if (length > 0 && text[0] == '~')
        return 1;
    if (home_size > 1 && length >= home_size && memcmp(text, home, home_size) == 0 &&
        (length == home_size || text[home_size] == '/'))
        return home_size;
    if (length >= 5 && memcmp(text, "/root", 5) == 0 && (length == 5 || text[5] == '/'))
        return 5;
    for (size_t i = 0; i < sizeof above / sizeof *above; i++) {
        size_t prefix = strlen(above[i]);

        if (length > prefix && memcmp(text, above[i], prefix) == 0 && text[prefix] != '/') {
            const char *slash = memchr(text + prefix, '/', length - prefix);

            return slash != NULL ? (size_t)(slash - text) : length;
        }
    }
    return 0;
}

/* Does the glob name something below a home, so that it tells a home even where that is a hole? */
static bool names_more(const char *glob)
{
    const char *name = glob[1] == '/' ? glob + 2 + (glob[2] == '.') : "";

    return isalpha((unsigned char)name[0]);
}

/* A glob that ends in %: the last component may be any name. What has a hole may be more. */
static bool matches_name(const char *glob, size_t glob_length, const char *text, size_t length)
{
    size_t name = length;

    while (name > 0 && text[name - 1] != '/')
        name--;
    return name < length && memchr(text + name, BJ_HOLE, length - name) == NULL &&
           bj_glob_matches(glob, glob_length - 1, text, name);
}

bool bj_rule_glob_match(const char *glob, const char *text, size_t length, const char *home)
{
    size_t skip, size = strlen(glob);

    if (size > 0 && glob[size - 1] == '%')
        return matches_name(glob, size, text, length);
    if (glob[0] != '~')
        return bj_glob_matches(glob, strlen(glob), text, length);
    skip = home_length(text, length, home);
    if (skip == 0 && length > 0 && text[0] == BJ_HOLE && names_more(glob))
        skip = 1;
    return skip > 0 && bj_glob_matches(glob + 1, strlen(glob) - 1, text + skip, length - skip);
}
