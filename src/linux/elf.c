/* Reading ELF headers and #! lines: elf(5), execve(2). */
#include "linux/elf.h"

#include <elf.h>
#include <endian.h>
#include <string.h>
#include <unistd.h>

#define HEAD_MAX    1024
#define HEADERS_MAX 64   /* program headers */
#define DYNAMIC_MAX 4096 /* entries of the dynamic section */
#define CHUNK       64   /* of these, read at once */
#define STRING_MAX  1024 /* bytes of one name */

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

/* Headers of both classes in the form of the greater one. */
struct segment {
    uint32_t type;
    uint64_t offset, address, size;
};

struct reader {
    int fd;
    const unsigned char *head; /* the file's first bytes, where most headers are */
    size_t head_length;
    struct bj_image *image;
    struct segment segments[HEADERS_MAX];
    int segment_count;
};

static bool read_at(const struct reader *reader, uint64_t offset, void *data, size_t size)
{
    if (offset <= reader->head_length && size <= reader->head_length - offset) {
        memcpy(data, reader->head + offset, size);
        return true;
    }
    return offset <= INT64_MAX && pread(reader->fd, data, size, (off_t)offset) == (ssize_t)size;
}

/* Keeps a name; false when there is no room. */
static bool keep(struct bj_image *image, const char *name, size_t length, uint16_t *ret)
{
    if (length + 1 > sizeof image->text - image->text_length)
        return false;
    *ret = image->text_length;
    memcpy(image->text + image->text_length, name, length);
    image->text[image->text_length + length] = '\0';
    image->text_length = (uint16_t)(image->text_length + length + 1);
    return true;
}

/* Keeps the NUL-terminated name at an offset of the file. */
static bool keep_at(struct reader *reader, uint64_t offset, uint16_t *ret)
{
    char name[STRING_MAX];
    ssize_t length = offset <= INT64_MAX ? pread(reader->fd, name, sizeof name, (off_t)offset) : -1;
    const char *end = length > 0 ? memchr(name, '\0', (size_t)length) : NULL;

    return end != NULL && keep(reader->image, name, (size_t)(end - name), ret);
}

static bool read_segments(struct reader *reader, const unsigned char *head)
{
    bool wide = head[EI_CLASS] == ELFCLASS64;
    const Elf64_Ehdr *e64 = (const void *)head;
    const Elf32_Ehdr *e32 = (const void *)head;
    uint64_t at = wide ? e64->e_phoff : e32->e_phoff;
    unsigned count = wide ? e64->e_phnum : e32->e_phnum;
    size_t size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

    reader->image->machine = wide ? e64->e_machine : e32->e_machine;
    if (count > HEADERS_MAX || (wide ? e64->e_phentsize : e32->e_phentsize) != size)
        return count == 0;
    for (unsigned i = 0; i < count; i++) {
        struct segment *segment = &reader->segments[reader->segment_count++];
        union {
            Elf64_Phdr wide;
            Elf32_Phdr narrow;
        } raw;

        if (!read_at(reader, at + i * size, &raw, size))
            return false;
        if (wide)
            *segment = (struct segment){raw.wide.p_type, raw.wide.p_offset, raw.wide.p_vaddr,
                                        raw.wide.p_filesz};
        else
            *segment = (struct segment){raw.narrow.p_type, raw.narrow.p_offset, raw.narrow.p_vaddr,
                                        raw.narrow.p_filesz};
    }
    return true;
}

/* Where in the file an address lies; 0 = nowhere. */
static uint64_t offset_of(const struct reader *reader, uint64_t address)
{
    for (int i = 0; i < reader->segment_count; i++) {
        const struct segment *segment = &reader->segments[i];

        if (segment->type == PT_LOAD && address >= segment->address &&
            address - segment->address < segment->size)
            return segment->offset + (address - segment->address);
    }
    return 0;
}

struct dynamic {
    uint64_t names; /* address of the string table */
    uint64_t search;
    uint64_t needed[BJ_ELF_NEEDED_MAX];
    int needed_count;
    bool has_search, has_runpath;
};

static bool take_entry(struct dynamic *dynamic, int64_t tag, uint64_t value)
{
    if (tag == DT_STRTAB) {
        dynamic->names = value;
    } else if (tag == DT_RUNPATH || (tag == DT_RPATH && !dynamic->has_runpath)) {
        dynamic->search = value;
        dynamic->has_search = true;
        dynamic->has_runpath |= tag == DT_RUNPATH;
    } else if (tag == DT_NEEDED) {
        if (dynamic->needed_count == BJ_ELF_NEEDED_MAX)
            return false;
        dynamic->needed[dynamic->needed_count++] = value;
    }
    return true;
}

static bool read_entries(const struct reader *reader, const struct segment *segment,
                         struct dynamic *ret)
{
    bool wide = reader->image->class == ELFCLASS64;
    size_t size = wide ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
    uint64_t count = segment->size / size;

    if (count > DYNAMIC_MAX)
        return false;
    for (uint64_t first = 0; first < count; first += CHUNK) {
        Elf64_Dyn chunk[CHUNK]; /* room for either class */
        uint64_t here = count - first < CHUNK ? count - first : CHUNK;

        if (!read_at(reader, segment->offset + first * size, chunk, here * size))
            return false;
        for (uint64_t i = 0; i < here; i++) {
            const Elf32_Dyn *narrow = (const Elf32_Dyn *)(const void *)chunk + i;
            int64_t tag = wide ? chunk[i].d_tag : narrow->d_tag;

            if (tag == DT_NULL)
                return true;
            if (!take_entry(ret, tag, wide ? chunk[i].d_un.d_val : narrow->d_un.d_val))
                return false;
        }
    }
    return true;
}

static bool read_dynamic(struct reader *reader, const struct segment *segment)
{
    struct bj_image *image = reader->image;
    struct dynamic dynamic = {0};
    uint64_t names;

    if (!read_entries(reader, segment, &dynamic))
        return false;
    names = offset_of(reader, dynamic.names);
    if (names == 0)
        return dynamic.needed_count == 0;
    if (dynamic.has_search && !keep_at(reader, names + dynamic.search, &image->search))
        return false;
    for (int i = 0; i < dynamic.needed_count; i++) {
        /* A file with several such sections is nothing that a linker makes. */
        if (image->needed_count == BJ_ELF_NEEDED_MAX ||
            !keep_at(reader, names + dynamic.needed[i], &image->needed[image->needed_count++]))
            return false;
    }
    return true;
}

static bool read_elf(struct reader *reader, const unsigned char *head)
{
    struct bj_image *image = reader->image;

    image->kind = BJ_IMAGE_ELF;
    image->class = head[EI_CLASS];
    if (!read_segments(reader, head))
        return false;
    for (int i = 0; i < reader->segment_count; i++) {
        const struct segment *segment = &reader->segments[i];

        if (segment->type == PT_INTERP && !keep_at(reader, segment->offset, &image->loader))
            return false;
        if (segment->type == PT_DYNAMIC && !read_dynamic(reader, segment))
            return false;
    }
    return true;
}

static bool read_script(struct bj_image *image, const char *head, size_t length)
{
    const char *end = memchr(head, '\n', length);
    const char *start = head + 2;

    if (end == NULL)
        end = head + length;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\0'))
        end--;
    image->kind = BJ_IMAGE_SCRIPT;
    if (memchr(start, '\0', (size_t)(end - start)) != NULL)
        return false;
    return keep(image, start, (size_t)(end - start), &image->line);
}

bool bj_image_read(int fd, struct bj_image *ret)
{
    _Alignas(Elf64_Ehdr) unsigned char head[HEAD_MAX] = {0};
    ssize_t length = pread(fd, head, sizeof head, 0);
    struct reader reader = {.fd = fd, .image = ret, .head = head};

    memset(ret, 0, sizeof *ret);
    ret->text_length = 1;
    if (length < 0)
        return false;
    reader.head_length = (size_t)length;
    if (length >= 2 && head[0] == '#' && head[1] == '!')
        return read_script(ret, (const char *)head,
                           (size_t)length < BJ_SCRIPT_LINE_MAX ? (size_t)length
                                                               : BJ_SCRIPT_LINE_MAX);
    if ((size_t)length >= sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0 &&
        head[EI_DATA] == NATIVE_DATA &&
        (head[EI_CLASS] == ELFCLASS64 || head[EI_CLASS] == ELFCLASS32))
        return read_elf(&reader, head);
    return true;
}
