/* See file_types.h. */
#include "service/file_types.h"

#include <stddef.h>

#include "base/str.h"

static const struct {
    const char *name;
    const char *globs[BJ_FILE_TYPE_GLOBS];
} types[] = {
    {"c", {"*.c", "*.h", "*.H"}},
    {"cpp", {"*.cpp", "*.cc", "*.cxx", "*.hpp", "*.hh", "*.hxx", "*.h", "*.inl"}},
    {"cs", {"*.cs"}},
    {"css", {"*.css", "*.scss"}},
    {"go", {"*.go"}},
    {"html", {"*.html", "*.htm", "*.ejs"}},
    {"java", {"*.java", "*.jsp"}},
    {"js", {"*.js", "*.jsx", "*.mjs", "*.cjs", "*.vue"}},
    {"json", {"*.json", "composer.lock"}},
    {"kotlin", {"*.kt", "*.kts"}},
    {"lua", {"*.lua"}},
    {"make", {"Makefile", "makefile", "GNUmakefile", "*.mk", "*.mak"}},
    {"md", {"*.md", "*.markdown", "*.mdx"}},
    {"php", {"*.php", "*.phtml"}},
    {"py", {"*.py", "*.pyi"}},
    {"ruby", {"*.rb", "*.gemspec", "Gemfile", "Rakefile"}},
    {"rust", {"*.rs"}},
    {"sh", {"*.sh", "*.bash", "*.zsh", "*.ksh", ".bashrc", ".profile"}},
    {"sql", {"*.sql"}},
    {"swift", {"*.swift"}},
    {"toml", {"*.toml", "Cargo.lock"}},
    {"ts", {"*.ts", "*.tsx", "*.mts", "*.cts"}},
    {"txt", {"*.txt"}},
    {"xml", {"*.xml", "*.xsd", "*.xsl", "*.svg"}},
    {"yaml", {"*.yaml", "*.yml"}},
    {"zig", {"*.zig"}},
};
#define TYPES (sizeof types / sizeof *types)

int bj_file_type_find(const char *name, const char *const **ret_globs, struct bj_error *err)
{
    for (size_t i = 0; i < TYPES; i++) {
        if (bj_streq(types[i].name, name)) {
            *ret_globs = types[i].globs;
            return 0;
        }
    }
    bj_fail(err, BJ_E_INVALID, "arguments", "type: %.32s is not known; there are", name);
    for (size_t i = 0; i < TYPES; i++)
        bj_error_append(err, "%s %s", i > 0 ? "," : "", types[i].name);
    bj_error_append(err, "; glob takes any pattern of names");
    return -BJ_E_INVALID;
}
