/* The question is put to /dev/tty, and asked again with every command: nothing is remembered. */
#include "cli/ask.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/verdict_text.h"

#define QUESTION_MAX (64 << 10)

/* A line, without its end; what does not fit is read and dropped. False at the end of the input. */
static bool read_line(int fd, char *line, size_t size)
{
    size_t length = 0;
    char byte;

    while (read(fd, &byte, 1) == 1) {
        if (byte == '\n') {
            line[length] = '\0';
            return true;
        }
        if (length + 1 < size)
            line[length++] = byte;
    }
    return false;
}

enum bj_consent bj_cli_confirm(const char *question)
{
    BJ_CLEANUP_CLOSE int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    char answer[16];

    if (terminal < 0 || bj_fd_write_all(terminal, question, strlen(question)) < 0)
        return BJ_CONSENT_NOBODY;
    return read_line(terminal, answer, sizeof answer) &&
                   (bj_streq(answer, "y") || bj_streq(answer, "Y") || bj_streq(answer, "yes"))
               ? BJ_CONSENT_YES
               : BJ_CONSENT_NO;
}

enum bj_consent bj_cli_ask(void *context, const struct bj_verdict *verdict)
{
    enum bj_consent answer = BJ_CONSENT_NOBODY;
    struct bj_buf question;

    (void)context;
    bj_buf_init(&question, QUESTION_MAX);
    bj_cli_put_verdict(verdict, &question);
    bj_buf_puts(&question, "belljar: run it? [y/N] ");
    if (!question.failed)
        answer = bj_cli_confirm(bj_buf_text(&question));
    bj_buf_release(&question);
    return answer;
}
