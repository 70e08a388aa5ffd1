/*
 * belljar-files: what the service does with files inside a sandbox, except opening one.
 *
 * The keeper starts this program in the sandbox, as the workload's user and within the sandbox's
 * limits, for one operation each. So it can do nothing that the workload could not do itself, and
 * whoever reads its output trusts it no more than the workload's own: the workload can send it
 * signals, stop it, and race with it on every path. It needs no environment and no files of its
 * own.
 *
 *     belljar-files OPERATION [--option=VALUE …] [--] ARGUMENT …
 *
 * BJ_FILES_OPERATIONS and BJ_FILES_OPTIONS below are the whole of it. Arguments are bytes as the
 * kernel has them; a relative path starts at the process's directory. Option values are given with
 * "=" only, so that no argument can be taken for one; behind "--" nothing is an option.
 *
 * Output: JSON objects, one a line, on standard output; of tar-out on standard error, since its
 * standard output is the archive. First come records, then exactly one last line:
 *
 *     {"end":true,"truncated":null, …}         truncated: why there would be more, "limit" (as many
 *                                              records as asked for), "entries" (too many looked
 * at), "depth", "time", "memory"; null = that was all
 *     {"error":{"code":"NOT_FOUND","errno":"ENOENT","message":"…"}}
 *
 * "code" is a name of belljar/error.h, whose exit status the program has; "errno" is null where no
 * system call was to blame. Output without a last line is of a program that was killed.
 *
 * Names are bytes, JSON is Unicode. Where a path (or name, target …) is not UTF-8, "path" has
 * U+FFFD for what is not, and "path_encoded" the bytes percent-encoded as in a URL; it is absent
 * otherwise.
 *
 * An entry, of which every record of stat, list, glob and so on is one (usually with more in it):
 *
 *     {"path":"/w/a","name":"a","type":"file","size":5,"allocated":4096,"mode":420,
 *      "permissions":"-rw-r--r--","links":1,"uid":1000,"gid":1000,"owner":"user","group":"user",
 *      "mtime_ns":1700000000000000000,"ctime_ns":…,"atime_ns":…}
 *
 * type: file, directory, symlink, fifo, socket, character, block, unknown. mode: the twelve
 * permission bits. permissions: as ls(1) has them. owner, group: by the sandbox's own /etc/passwd
 * and /etc/group, else the number. All is of the path itself, not of what a link leads to. A
 * symlink has in addition "target" (its text), "target_path" (absolute, all links followed),
 * "target_type" and "target_mode"; the last three are null where it leads nowhere. --xattrs=PREFIX
 * adds "xattrs":{"user.x":{"value":"…"}} for names that begin so, with "value_encoded" as for
 * paths.
 */
#ifndef BJ_FILES_FILES_H
#define BJ_FILES_FILES_H

#include "base/limits.h"

/* clang-format off */
/*
 * X(name, function, arguments at least, at most, what it does)
 *
 * stat PATH           One entry. --follow: of what a link leads to.
 * list DIRECTORY      Entries below it: a directory, then its children; in the order of the bytes of
 *                     their names. Links are not descended into, but DIRECTORY itself may be one.
 *                     --depth (1), --limit.
 * mkdir PATH          With its parents, 0755, or --mode for the last. The entry of PATH with
 *                     "created":false where it was a directory already.
 * move FROM TO        The entry of TO. --parents makes those of TO. --keep: TO must not exist
 *                     (CONFLICT). TO is the new name, never a directory to move into.
 * copy FROM TO        Likewise; directories with all that is in them, links as links. Special files
 *                     are left out. end: "copied", "skipped".
 * remove PATH         A directory that is not empty needs --recursive (CONFLICT). --missing: it is no
 *                     error if there is none. end: "removed".
 * chmod MODE PATH     Octal, no set-id bits. --recursive. end: "changed".
 * chown OWNER PATH    "user", "user:group" or ":group", names or numbers. --recursive. end: "changed".
 * xattr PATH USER.NAME=VALUE …
 *                     Sets extended attributes; --xattrs=PREFIX first removes those that begin so.
 *                     The entry.
 * edit PATH           Standard input: --old bytes that are the text to be replaced, then the text that
 *                     replaces it, to the end. It must be there exactly once (NOT_FOUND, CONFLICT)
 *                     or, with --all, at least once. end: "replaced", "line" (of the first), "size".
 * glob PATTERN DIRECTORY
 *                     Entries below it that match: * ? [a-z] [!a-z] {a,b} ** \x; newest first.
 *                     PATTERN may be absolute. --limit, --ignore-case, --type, --exclude, --order=name.
 * search PATTERN PATH In a file, or all files of a tree, as PCRE2 matches, line by line. Files with NUL
 *                     are skipped. --fixed: PATTERN is plain text; --ignore-case; --multiline: matches
 *                     may span lines and . matches newlines; --glob (repeatable; ! in front: not
 *                     these; without a slash it is about names, wherever they are); --exclude=NAME
 *                     (repeatable): directories not to enter; --limit. Records:
 *     --show=content  {"path","line","column","text","match":true,"from","to"}; from, to: bytes of the
 *                     first match in text; "cut":true where text is longer than --line-bytes (2000).
 *                     --before, --after: so many lines around it, as {"path","line","text","match":false}
 *     --show=files    {"path","mtime_ns"}, --order=newest
 *     --show=count    {"path","count"}
 *                     end: "matches" (lines), "files" (with a match), "searched", "skipped", "gave_up"
 *                     (lines on which the pattern took too many steps).
 * usage PATH          No record. end: "bytes", "allocated", "files", "directories", "others", and of
 *                     the file system "total", "free", "inodes", "inodes_free".
 * hash PATH …         {"path","algorithm","hash","size"}; --algorithm.
 * tar-out PATH …      A pax archive to standard output, records to standard error. Each PATH under its
 *                     own last name, or with --contents what is in it. --gzip, --exclude, --bytes.
 *                     {"skipped":why,"path"} for special files and what could not be read. end:
 *                     "entries", "bytes". An archive is whole only if there is an end.
 * tar-in DIRECTORY    From standard input: tar or pax, gzip'ed or not. DIRECTORY is made. Refuses what
 *                     would leave DIRECTORY or goes through a link in it, devices, FIFOs, set-id bits:
 *                     INVALID; what was unpacked before stays. --keep: no file may exist already.
 *                     --bytes, --entries. end: "entries", "bytes".
 * watch DIRECTORY     {"start":true}, then {"event","relative","directory":bool,"path","name"}; event:
 *                     create, write, remove, rename (the old path; the new one is a create), chmod, or
 *                     overflow (alone: some were lost, or something cannot be watched). --recursive:
 *                     later directories too; what is made in a new one can be told twice. --exclude.
 *                     --entry: with the entry's fields, where it still is. Runs until it is killed,
 *                     nobody reads, or DIRECTORY is gone.
 */
/* clang-format on */
#define BJ_FILES_OPERATIONS(X)                                                                     \
    X("stat", stat, 1, 1, "describe one path")                                                     \
    X("list", list, 1, 1, "list a directory")                                                      \
    X("mkdir", mkdir, 1, 1, "make a directory and its parents")                                    \
    X("move", move, 2, 2, "give a path another name")                                              \
    X("copy", copy, 2, 2, "copy a file or a tree")                                                 \
    X("remove", remove, 1, 1, "remove a file or a tree")                                           \
    X("chmod", chmod, 2, 2, "change permissions")                                                  \
    X("chown", chown, 2, 2, "change owner and group")                                              \
    X("xattr", xattr, 1, 65, "set extended attributes")                                            \
    X("edit", edit, 1, 1, "replace a text in a file")                                              \
    X("glob", glob, 2, 2, "find paths by a pattern")                                               \
    X("search", search, 2, 2, "find a pattern in files")                                           \
    X("usage", usage, 1, 1, "add up what a tree takes")                                            \
    X("hash", hash, 1, 1024, "digest files")                                                       \
    X("tar-out", tar_out, 1, 1024, "write an archive to standard output")                          \
    X("tar-in", tar_in, 1, 1, "unpack an archive from standard input")                             \
    X("watch", watch, 1, 1, "tell what changes in a directory")

/*
 * X(name, field, kind, minimum, maximum, choices, what it is)
 *
 * FLAG has no value; NUMBER a decimal one within bounds, OCTAL likewise; CHOICE is one of the words
 * in "choices", the first of which is the default; TEXT may be given once, LIST several times. What
 * is not given is 0 or empty, which means the default said here.
 */
#define BJ_FILES_OPTIONS(X)                                                                        \
    X("limit", limit, NUMBER, 1, 1000000, "", "records at most; 10000")                            \
    X("entries", entries, NUMBER, 1, 100000000, "", "entries looked at, at most; 2000000")         \
    X("depth", depth, NUMBER, 1, 256, "", "levels below the path; 256")                            \
    X("time", time, NUMBER, 1, 86400000, "", "milliseconds; 30000, what changes things: no limit") \
    X("bytes", bytes, NUMBER, 1, INT64_MAX, "", "of content at most; no limit")                    \
    X("mode", mode, OCTAL, 0, 01777, "", "mkdir: permissions; 0755")                               \
    X("old", old, NUMBER, 1, BJ_CONTENT_MAX, "", "edit: bytes of the text to be replaced")         \
    X("before", before, NUMBER, 0, 1000, "", "lines of context before a match")                    \
    X("after", after, NUMBER, 0, 1000, "", "lines of context behind a match")                      \
    X("line-bytes", line_bytes, NUMBER, 1, 65536, "", "of a line shown; 2000")                     \
    X("show", show, CHOICE, 0, 0, "content\0files\0count\0", "search: what is told")               \
    X("algorithm", algorithm, CHOICE, 0, 0, "sha256\0sha1\0sha512\0md5\0", "of a digest")          \
    X("order", order, CHOICE, 0, 0, "default\0newest\0name\0", "glob: newest; search: name")       \
    X("type", type, CHOICE, 0, 0, "any\0file\0directory\0", "glob: of this type only")             \
    X("xattrs", xattrs, TEXT, 0, 0, "", "prefix of extended attributes, such as user.")            \
    X("glob", globs, LIST, 0, 0, "", "search: only files that match")                              \
    X("exclude", excludes, LIST, 0, 0, "", "names of directories not to enter")                    \
    X("follow", follow, FLAG, 0, 0, "", "stat: follow a link")                                     \
    X("parents", parents, FLAG, 0, 0, "", "make the parents of the destination")                   \
    X("keep", keep, FLAG, 0, 0, "", "replace nothing that exists")                                 \
    X("recursive", recursive, FLAG, 0, 0, "", "with all that is below")                            \
    X("missing", missing, FLAG, 0, 0, "", "remove: nothing there is fine")                         \
    X("all", all, FLAG, 0, 0, "", "edit: every place")                                             \
    X("ignore-case", ignore_case, FLAG, 0, 0, "", "letters match in either case")                  \
    X("fixed", fixed, FLAG, 0, 0, "", "search: the pattern is plain text")                         \
    X("multiline", multiline, FLAG, 0, 0, "", "search: matches may span lines")                    \
    X("contents", contents, FLAG, 0, 0, "", "tar-out: without the path's own name")                \
    X("gzip", gzip, FLAG, 0, 0, "", "tar-out: compressed")                                         \
    X("entry", entry, FLAG, 0, 0, "", "watch: with the entry's fields")

/* The program. Returns its exit status; uses descriptors 0, 1 and 2 only. */
int bj_files_main(int argc, char **argv);

#endif
