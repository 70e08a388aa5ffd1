/*
 * What an executable file says of how it is started: by which loader or interpreter, with which
 * libraries. Read with bounds at every step: such a file can be anybody's.
 */
#ifndef BJ_LINUX_ELF_H
#define BJ_LINUX_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BJ_ELF_TEXT_MAX    8192 /* bytes of all names of one file */
#define BJ_ELF_NEEDED_MAX  256  /* libraries of one file */
#define BJ_SCRIPT_LINE_MAX 256  /* bytes of a #! line, as in the kernel (BINPRM_BUF_SIZE) */

enum bj_image_kind {
    BJ_IMAGE_OTHER, /* neither: the kernel would not execute it */
    BJ_IMAGE_ELF,
    BJ_IMAGE_SCRIPT,
};

struct bj_image {
    enum bj_image_kind kind;
    uint8_t class;    /* ELF: 32 or 64 bits, EI_CLASS */
    uint16_t machine; /* ELF: e_machine */
    uint16_t loader;  /* ELF: offset into text; 0 = none */
    uint16_t search;  /* ELF: DT_RUNPATH or DT_RPATH */
    uint16_t needed[BJ_ELF_NEEDED_MAX];
    int needed_count;
    uint16_t line; /* script: what follows #!, without blanks around it */
    uint16_t text_length;
    char text[BJ_ELF_TEXT_MAX]; /* [0] is "" */
};

/*
 * Reads it. False where the file cannot be read or claims more than the limits above; what is
 * neither ELF nor script is read well, as BJ_IMAGE_OTHER.
 */
bool bj_image_read(int fd, struct bj_image *ret);

#endif
