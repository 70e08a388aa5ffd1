/* Tests of src/model/mask*.c: what is taken out of a text, and what must stay. */
#include "../audit/audit_test.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model/mask.h"

static const char *const secrets[] = {"hunter2-secret", "it's\"quoted", "pin9",
                                      "gr\303\274n & blau", NULL};
static const char *const environment[] = {"DB_PASSWORD=correct horse", "HOME=/home/alice",
                                          "MY_TOKEN=tok", "PWD=/home/alice/work", NULL};

static struct bj_mask mask;

static int setup(void **state)
{
    struct bj_error err;
    int result = 0;

    (void)state;
    for (size_t i = 0; secrets[i] != NULL && result == 0; i++)
        result = bj_mask_add(&mask, secrets[i], &err);
    return result == 0 ? bj_mask_add_environment(&mask, environment, &err) : result;
}

static int teardown(void **state)
{
    (void)state;
    bj_mask_release(&mask);
    return 0;
}

struct example {
    const char *text, *wanted; /* wanted NULL: stays as it is */
};

static void try_all(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *wanted = examples[i].wanted != NULL ? examples[i].wanted : examples[i].text;
        struct bj_buf out;

        bj_buf_init(&out, 1 << 20);
        bj_mask_text(&mask, examples[i].text, strlen(examples[i].text), &out);
        if (strcmp(bj_buf_text(&out), wanted) != 0)
            fail_msg("\n%s\nbecame\n%s\ninstead of\n%s", examples[i].text, bj_buf_text(&out),
                     wanted);
        bj_buf_release(&out);
    }
}
#define TRY(examples) try_all(examples, sizeof(examples) / sizeof *(examples))

static void by_name(void **state)
{
    static const struct example examples[] = {
        {"PASSWORD=abc make", "PASSWORD=[masked] make"},
        {"export GITHUB_TOKEN='a b c' && x", "export GITHUB_TOKEN='[masked]' && x"},
        {"mysql --password=abc db", "mysql --password=[masked] db"},
        {"tool --token abc next", "tool --token [masked] next"},
        {"tool --api-key \"a b\" next", "tool --api-key \"[masked]\" next"},
        {"{\"password\": \"a b\", \"n\": 1}", "{\"password\": \"[masked]\", \"n\": 1}"},
        {"{\"password\": \"a\\\"b\", \"n\": 1}", "{\"password\": \"[masked]\", \"n\": 1}"},
        {"{\"apiKey\":\"abc\"}", "{\"apiKey\":\"[masked]\"}"},
        {"'{\\\"secret\\\":\\\"a b\\\",\\\"n\\\":1}'",
         "'{\\\"secret\\\":\\\"[masked]\\\",\\\"n\\\":1}'"},
        {"curl -H 'Authorization: Bearer abc' u", "curl -H 'Authorization: Bearer [masked]' u"},
        {"curl -H \"Authorization: Basic YTpi\" u", "curl -H \"Authorization: Basic [masked]\" u"},
        {"curl -H 'Authorization: abc' u", "curl -H 'Authorization: [masked]' u"},
        {"curl -H 'X-Api-Key: abc' u", "curl -H 'X-Api-Key: [masked]' u"},
        {"curl -H 'Cookie: a=b; c=d' u", "curl -H 'Cookie: [masked]' u"},
        {"curl 'http://h/?token=abc&n=1'", "curl 'http://h/?token=[masked]&n=1'"},
        {"password = \"abc\"\nuser = x", "password = \"[masked]\"\nuser = x"},
        {"db:\n  password: abc\n  user: x", "db:\n  password: [masked]\n  user: x"},
        {"TOKEN_2=abc x", "TOKEN_2=[masked] x"},
        {"PASSWORD=a\"b c\"'d e'f g", "PASSWORD=[masked] g"},
        {"PASSWORD=a\\ b c", "PASSWORD=[masked] c"},
        {"password=\"a\"b c", "password=\"[masked] c"},
        {"clientSecret: abc", "clientSecret: [masked]"},
        {"-Dhttp.proxyPassword=abc", "-Dhttp.proxyPassword=[masked]"},
    };

    (void)state;
    TRY(examples);
}

/* A secret's name is no place to hide a command, and what only looks like a name is none. */
static void stays(void **state)
{
    static const struct example examples[] = {
        {"TOKEN=$TOKEN make", NULL},
        {"TOKEN=\"$TOKEN\" make", NULL},
        {"TOKEN=$(rm -rf /) make", NULL},
        {"PASSWORD=`rm -rf /`", NULL},
        {"PASSWORD=; rm -rf /", NULL},
        {"PASSWORD= rm -rf /", NULL},
        {"PASSWORD=a;rm -rf /", "PASSWORD=[masked];rm -rf /"},
        {"PASSWORD=a&&rm -rf /", "PASSWORD=[masked]&&rm -rf /"},
        {"PASSWORD=a|sh", "PASSWORD=[masked]|sh"},
        {"PASSWORD=\"a$(rm -rf /)\"", "PASSWORD=\"[masked]$(rm -rf /)\""},
        {"read -p \"password: \" x; rm -rf \"/\"", NULL},
        {"echo 'authorization: '; rm -rf /", NULL},
        {"sh -c 'authorization: a b; rm -rf /'", "sh -c 'authorization: a [masked]; rm -rf /'"},
        {"sh -c 'cookie: a=b; rm -rf /'", "sh -c 'cookie: [masked]; rm -rf /'"},
        {"echo -----BEGIN PRIVATE KEY-----; rm -rf /", "echo [masked]; rm -rf /"},
        {"echo '-----BEGIN PRIVATE KEY-----\nrm -rf /'", "echo '[masked]\nrm -rf /'"},
        {"cat /etc/passwd", NULL},
        {"git commit --author 'a b'", NULL},
        {"{\"max_tokens\": 100}", NULL},
        {"PWD=/tmp OLDPWD=/ make", NULL},
        {"gpg --passphrase-file f", NULL},
        {"tool --token --verbose", NULL},
        {"token://host", NULL},
        {"bypass=1 compass: north", NULL},
        {"https://example.org:8080/a@b", NULL},
        {"git clone git@github.com:a/b", NULL},
        {"the secret is out", NULL},
        {"/home/alice/work", NULL},
        {"sk-short", NULL},
        {"", NULL},
        {"\\", NULL},
    };

    (void)state;
    TRY(examples);
}

static void by_value(void **state)
{
    static const struct example examples[] = {
        {"echo hunter2-secret", "echo [masked]"},
        {"echo xhunter2-secrety", "echo x[masked]y"},
        {"echo hun\"ter2\"-sec'ret'", "echo [masked]'"},
        {"echo h\\unter2-secre\\t;ls", "echo [masked];ls"},
        {"echo hunter2\\\n-secret", "echo [masked]"},
        {"{\"a\":\"\\u0068unter2\\u002dsecret\"}", "{\"a\":\"[masked]\"}"},
        {"http://h/%68unter2%2Dsecret?", "http://h/[masked]?"},
        {"{\"a\":\"it's\\\"quoted\"}", "{\"a\":\"[masked]\"}"},
        {"echo 'it'\\''s\"quoted'", "echo '[masked]'"},
        {"echo \"it's\\\"quoted\"", "echo \"[masked]\""},
        {"q=gr%C3%BCn+%26+blau", "q=[masked]"},
        {"\"gr\\u00fcn & blau\"", "\"[masked]\""},
        {"correct horse battery", "[masked] battery"},
        {"PASSWORD=correct horse x", "PASSWORD=[masked] x"},
        {"pin9 spin9 pin99 (pin9)", "[masked] spin9 pin99 ([masked])"},
        {"tok token", NULL}, /* too short to be looked for */
        {"hunter2-secre", NULL},
        {"hunter2- secret", NULL},
    };

    (void)state;
    TRY(examples);
}

static void by_shape(void **state)
{
    static const struct example examples[] = {
        {"aws AKIAIOSFODNN7EXAMPLE x", "aws [masked] x"},
        {"ghp_0123456789abcdefghijklmnopqrstuvwxyz", "[masked]"},
        {"k=sk-proj-0123456789abcdef_ABCDEF x", "k=[masked] x"},
        {"a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_ b", "a [masked] b"},
        {"https://alice:pw@host/x", "https://alice:[masked]@host/x"},
        {"https://alice:p@w@host/x", "https://alice:[masked]@host/x"},
        {"https://0123456789abcdef0123456789@host/x", "https://[masked]@host/x"},
        {"x Bearer abcdefgh12345678 y", "x Bearer [masked] y"},
        {"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA1234567890\nabcdefghijklmnopqrst\n"
         "-----END RSA PRIVATE KEY-----\nb",
         "a\n[masked]\nb"},
        {"\"-----BEGIN PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA1234567890\\nabcd=\\n-----END PRIVATE "
         "KEY-----\\n\" b",
         "\"[masked]\\n\" b"},
        {"-----BEGIN CERTIFICATE-----", NULL},
        {"AKIAIOSFODNN7EXAMPL", NULL},
        {"disk-0123456789abcdefghijkl", NULL},
    };

    (void)state;
    TRY(examples);
}

static void names(void **state)
{
    static const char *const secret[] = {
        "password",    "DB_PASSWORD",   "apiKey",        "X-Auth-Token", "AWS_SECRET_ACCESS_KEY",
        "Set-Cookie",  "authorization", "client_secret", "DB_PASS",      "SECRET_KEY_BASE",
        "e2b_api_key", "sshPassphrase", "NPM_TOKEN",     "token1"};
    static const char *const harmless[] = {
        "passage",       "max_tokens", "author", "PWD",    "OLDPWD", "token_count",
        "password_file", "keyboard",   "bypass", "monkey", "",       "path"};

    (void)state;
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        if (!bj_mask_secret_name(secret[i], strlen(secret[i])))
            fail_msg("%s is the name of a secret", secret[i]);
    }
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (bj_mask_secret_name(harmless[i], strlen(harmless[i])))
            fail_msg("%s is not the name of a secret", harmless[i]);
    }
}

/* 64 KiB of the worst that names and values can meet take no long time: they end. */
static void long_texts_end(void **state)
{
    static const char *const repeated[] = {"password=",     "\\",           "\"",   "h",
                                           "hunter2-secre", "://a:",        "eyJ.", "-----BEGIN ",
                                           "--token ",      "cookie: a=b; "};

    (void)state;
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        size_t length = strlen(repeated[i]);
        char *text = malloc(65536 + 64);
        struct bj_buf out;

        for (size_t at = 0; at < 65536; at += length)
            memcpy(text + at, repeated[i], length);
        bj_buf_init(&out, 1 << 20);
        bj_mask_text(&mask, text, 65536, &out);
        assert_false(out.failed);
        bj_buf_release(&out);
        free(text);
    }
}

static char *repeat(const char *what, size_t times)
{
    size_t length = strlen(what);
    char *text = malloc(length * times + 1);

    for (size_t i = 0; i < times; i++)
        memcpy(text + i * length, what, length);
    text[length * times] = '\0';
    return text;
}

/*
 * Who chooses the values and the text gets no more time than the text is long: each of these took
 * minutes when every value was tried by itself. It is processor time, which a busy machine does
 * not change, and the bound is a hundred times what it takes.
 */
static void work_is_bounded(void **state)
{
    static const struct {
        const char *begin, *text;
        size_t begins, texts, values;
        bool all; /* is looked through */
    } attacks[] = {
        {"a", "\\a", 24, 25000, 1000, false},     {"a", "a", 24, 100000, 1000, false},
        {"\\", "\\", 20000, 100000, 1, false},    {"\\x", "\\", 1, 100000, 1000, false},
        {"a\"", "a\"'", 50, 30000, 1000, false},  {"a", "'a\\", 5000, 30000, 10, false},
        {"+/", "%2b%2f", 100, 10000, 900, false}, {"", "-eyJ", 0, 100000, 1, false},
        {"a", "b a ", 24, 25000, 1000, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        char *begin = repeat(attacks[i].begin, attacks[i].begins);
        char *text = repeat(attacks[i].text, attacks[i].texts), *value = malloc(32768);
        clock_t from = clock();
        struct bj_mask own = {0};
        struct bj_buf out;

        for (size_t k = 0; k < attacks[i].values; k++) {
            snprintf(value, 32768, "%s%05zu", begin, k);
            assert_int_equal(bj_mask_add(&own, value, NULL), 0);
        }
        bj_buf_init(&out, 1 << 20);
        bj_mask_text(&own, text, strlen(text), &out);
        assert_string_equal(bj_buf_text(&out), attacks[i].all ? text : BJ_MASKED_LONG);
        assert_true((clock() - from) / CLOCKS_PER_SEC < 10);
        out.length = 0;
        assert_true(bj_mask_cut(&own, text, strlen(text), 4096, &out));
        bj_buf_release(&out);
        bj_mask_release(&own);
        free(begin);
        free(text);
        free(value);
    }
}

/* Values that begin alike, contain each other, or differ only in what is quoted. */
static void values_are_read_together(void **state)
{
    static const char *const values[] = {"abcdefgh",     "abcdefghij",       "abcdefgx1",
                                         "abcd",         "say \"yes\"",      "say yes!!",
                                         "back\\slash1", "\xc3\xa4pfelbaum", " with-blank"};
    static const struct example examples[] = {
        {"x abcdefgh y", "x [masked] y"},
        {"x abcdefghij y", "x [masked] y"},
        {"x abcdefghi y", "x [masked]i y"},
        {"x abcdefgx1 y", "x [masked] y"},
        {"x abcd y", "x [masked] y"},
        {"x abcde y", "x abcde y"},
        {"x ab\\cd'efg'h y", "x [masked] y"},
        {"x say \"yes\" y", "x [masked] y"},
        {"x say \"yes!!\" y", "x [masked]\" y"},
        {"x back\\slash1 y", "x [masked] y"},
        {"x back\\\\slash1 y", "x [masked] y"},
        {"x \\u00e4pfelbaum y", "x [masked] y"},
        {"x %C3%A4pfelbaum y", "x [masked] y"},
        {"x=+with-blank y", "x=[masked] y"},
    };
    struct bj_mask own = {0};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(bj_mask_add(&own, values[i], NULL), 0);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct bj_buf out;

        bj_buf_init(&out, 4096);
        bj_mask_text(&own, examples[i].text, strlen(examples[i].text), &out);
        assert_string_equal(bj_buf_text(&out), examples[i].wanted);
        bj_buf_release(&out);
    }
    bj_mask_release(&own);
}

/* Wherever the cut is, and however long the secret, no part of it is left. */
static void cuts_leave_no_half(void **state)
{
    static const size_t lengths[] = {40, 5000, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t before = 3900; before < 4200; before += 13) {
            struct bj_mask own = {0};
            char *secret = malloc(lengths[i] + 1), *text = malloc(before + lengths[i] + 300001);
            struct bj_buf out;

            memset(secret, 'Q', lengths[i]);
            secret[lengths[i]] = '\0';
            memset(text, ' ', before);
            strcpy(text + before, secret);
            memset(text + before + lengths[i], ' ', 300000);
            assert_int_equal(bj_mask_add(&own, secret, NULL), 0);
            bj_buf_init(&out, 4 << 20);
            assert_true(bj_mask_cut(&own, text, before + lengths[i] + 300000, 4096, &out));
            assert_int_equal(out.length, 4096);
            assert_null(memchr(out.data, 'Q', out.length));
            bj_buf_release(&out);
            bj_mask_release(&own);
            free(secret);
            free(text);
        }
    }
}

/* A verdict's texts are cut before they are masked. */
static void cut_secrets_are_masked(void **state)
{
    static const struct example examples[] = {
        {"x hunt", "x [masked]"},
        {"x hunter2-secre", "x [masked]"},
        {"x hun''ter2-se", "x [masked]"},
        {"x hunter2-secre y", "x hunter2-secre y"},
        {"x hun", "x hun"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct bj_buf out;

        bj_buf_init(&out, 1 << 20);
        bj_mask_rest(&mask, examples[i].text, strlen(examples[i].text), &out);
        assert_string_equal(bj_buf_text(&out), examples[i].wanted);
        bj_buf_release(&out);
    }
}

/* Init is a child. */
static void children_get_no_value(void **state)
{
    long page = sysconf(_SC_PAGESIZE);
    int status;
    pid_t pid;

    (void)state;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        unsigned char in[1];
        uintptr_t start = (uintptr_t)mask.values[0].text & ~((uintptr_t)page - 1);

        _exit(mincore((void *)start, (size_t)page, in) < 0 && errno == ENOMEM ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void too_many_are_an_error(void **state)
{
    struct bj_mask own = {0};
    struct bj_error err;
    char value[32];
    int result = 0;

    (void)state;
    for (int i = 0; i < 1024; i++) {
        snprintf(value, sizeof value, "value-%d", i);
        assert_int_equal(bj_mask_add(&own, value, &err), 0);
        assert_int_equal(bj_mask_add(&own, value, &err), 0); /* known */
    }
    result = bj_mask_add(&own, "one more", &err);
    assert_int_equal(result, -BJ_E_LIMIT);
    bj_mask_release(&own);
}

struct body {
    char text[4096];
};

static int keep_body(void *context, const struct bj_audit_record *record)
{
    struct body *body = context;

    snprintf(body->text, sizeof body->text, "%s", record->body);
    return 1;
}

/* Through the whole way: every field of a request, into the file. */
static void nothing_reaches_the_file(void **state)
{
    struct place *place = NULL;
    void *slot = NULL;
    const char *argv[] = {"curl", "--token", "argv secret", "-H", "Cookie: argvcookie", NULL};
    struct bj_request request = {
        .tool = "Bash",
        .key = "hunter2-secret",
        .sandbox = "s",
        .command = "PASSWORD=cmdsecret x hunter2-secret",
        .argv = argv,
        .url = "https://u:urlsecret@h/",
        .arguments = "{\"command\":\"echo hunter2\\u002dsecret\",\"password\":\"jsonsecret\","
                     "\"list\":[\"--token\",\"listsecret\"],\"n\":1.5,\"deep\":{\"api_key\":[1]}}"};
    struct bj_audit_who who = {.uid = 1};
    struct bj_audit_filter all = BJ_AUDIT_FILTER_ALL;
    struct bj_audit *audit = NULL;
    struct bj_verdict verdict;
    struct bj_error err;
    struct body body;

    (void)state;
    place_setup(&slot);
    place = slot;
    struct bj_audit_options options = {
        .path = place->path, .access = BJ_AUDIT_WRITE, .mask = &mask};
    bj_verdict_init(&verdict);
    assert_int_equal(bj_audit_open(&options, &audit, &err), 0);
    assert_int_equal(bj_audit_append_verdict(audit, &request, &verdict, &who, NULL, &err), 0);
    bj_audit_each(audit, &all, keep_body, &body, &err);
    bj_audit_close(audit);
    assert_null(strstr(body.text, "secret\""));
    assert_null(strstr(body.text, "secret@"));
    assert_null(strstr(body.text, "hunter2"));
    assert_null(strstr(body.text, "argvcookie"));
    assert_non_null(strstr(body.text, "\"arguments\":{\"command\":\"echo [masked]\",\"password\":"
                                      "\"[masked]\",\"list\":[\"--token\",\"[masked]\"],\"n\":1.5,"
                                      "\"deep\":{\"api_key\":\"[masked]\"}}"));
    assert_true(verify(place, NULL).sound);
    place_teardown(&slot);
}

static void expect_masked(const struct bj_mask *known, const char *text, const char *expected)
{
    struct bj_buf out;

    bj_buf_init(&out, 4096);
    bj_mask_text(known, text, strlen(text), &out);
    assert_string_equal(bj_buf_text(&out), expected);
    bj_buf_release(&out);
}

/* Values that were known for a while are forgotten, and those before them are not. */
static void trimmed(void **state)
{
    struct bj_mask own = {0};

    (void)state;
    assert_int_equal(bj_mask_add(&own, "always-this", NULL), 0);
    assert_int_equal(bj_mask_add(&own, "once-a-long-value", NULL), 0);
    expect_masked(&own, "echo always-this once-a-long-value", "echo [masked] [masked]");
    bj_mask_trim(&own, 1);
    expect_masked(&own, "echo always-this once-a-long-value", "echo [masked] once-a-long-value");
    assert_int_equal(bj_mask_add(&own, "another-one", NULL), 0);
    expect_masked(&own, "echo another-one", "echo [masked]");
    bj_mask_hide(&own);
    expect_masked(&own, "echo another-one", BJ_MASKED_ALL);
    bj_mask_trim(&own, 0);
    expect_masked(&own, "echo always-this", "echo always-this");
    bj_mask_release(&own);
}

/* Options of programs whose value is a secret, in shell text. */
static void by_program(void **state)
{
    static const struct example examples[] = {
        {"curl -u me:SECRET http://h", "curl -u me:[masked] http://h"},
        {"curl -ume:SECRET http://h", "curl -ume:[masked] http://h"},
        {"curl -u 'me:a b' http://h", "curl -u 'me:[masked]' http://h"},
        {"curl -u me:\"a b\" http://h", "curl -u me:\"[masked]\" http://h"},
        {"curl -sSfu me:SECRET u", "curl -sSfu me:[masked] u"},
        {"curl -sSfume:SECRET u", "curl -sSfume:[masked] u"},
        {"curl --user me:SECRET u", "curl --user me:[masked] u"},
        {"curl --user=me:SECRET u", "curl --user=me:[masked] u"},
        {"curl --proxy-user me:SECRET u", "curl --proxy-user me:[masked] u"},
        {"curl -U me:SECRET u", "curl -U me:[masked] u"},
        {"curl -b 'a=b; c=d' u", "curl -b '[masked]' u"},
        {"curl --cookie a=b u", "curl --cookie [masked] u"},
        {"curl --oauth2-bearer SECRET u", "curl --oauth2-bearer [masked] u"},
        {"curl -o f \\\n  -u \\\n me:SECRET", "curl -o f \\\n  -u \\\n me:[masked]"},
        {"sudo /usr/bin/curl -u me:SECRET", "sudo /usr/bin/curl -u me:[masked]"},
        {"bash -c \"curl -u me:SECRET u\"", "bash -c \"curl -u me:[masked] u\""},
        {"bash -c 'curl -u \"me:a b\" u'", "bash -c 'curl -u \"me:[masked]\" u'"},
        {"\"curl\" -u me:SECRET", "\"curl\" -u me:[masked]"},
        {"curl 'http://h/?a=1&b=2;c' 2>&1 -u me:SECRET",
         "curl 'http://h/?a=1&b=2;c' 2>&1 -u me:[masked]"},
        {"x | curl -u me:SECRET u | y", "x | curl -u me:[masked] u | y"},
        {"wget --http-password=SECRET u", "wget --http-password=[masked] u"},
        {"wget --http-passw SECRET u", "wget --http-passw [masked] u"},
        {"mysql -uroot -pSECRET db", "mysql -uroot -p[masked] db"},
        {"mysql -u root -p'a b' db", "mysql -u root -p'[masked]' db"},
        {"mysqldump --password=SECRET db", "mysqldump --password=[masked] db"},
        {"mariadb -pSECRET", "mariadb -p[masked]"},
        {"mysqladmin -u root password SECRET", "mysqladmin -u root password [masked]"},
        {"sshpass -p SECRET ssh h", "sshpass -p [masked] ssh h"},
        {"sshpass -pSECRET ssh h", "sshpass -p[masked] ssh h"},
        {"sshpass -p '-x' ssh h", "sshpass -p '[masked]' ssh h"},
        {"docker login -u me -p SECRET r", "docker login -u me -p [masked] r"},
        {"skopeo copy --src-creds me:SECRET a b", "skopeo copy --src-creds me:[masked] a b"},
        {"redis-cli -h h -a SECRET ping", "redis-cli -h h -a [masked] ping"},
        {"mongosh -u me -p SECRET --quiet", "mongosh -u me -p [masked] --quiet"},
        {"openssl rsa -in k -passin pass:SECRET", "openssl rsa -in k -passin pass:[masked]"},
        {"openssl enc -aes-256-cbc -k SECRET -in f", "openssl enc -aes-256-cbc -k [masked] -in f"},
        {"keytool -list -storepass SECRET", "keytool -list -storepass [masked]"},
        {"apksigner sign --ks-pass pass:SECRET a", "apksigner sign --ks-pass pass:[masked] a"},
        {"aws configure set aws_secret_access_key SECRET",
         "aws configure set aws_secret_access_key [masked]"},
        {"npm config set //r/:_authToken SECRET", "npm config set //r/:_authToken [masked]"},
        {"git clone https://me:SECRET@h/r", "git clone https://me:[masked]@h/r"},
        {"PGPASSWORD=SECRET psql -U me", "PGPASSWORD=[masked] psql -U me"},
        {"psql postgresql://me:SECRET@h/d", "psql postgresql://me:[masked]@h/d"},
        {"http -a me:SECRET h", "http -a me:[masked] h"},
        {"smbclient //h/s -U me%SECRET", "smbclient //h/s -U me%[masked]"},
        {"lftp -u me,SECRET h", "lftp -u me,[masked] h"},
        {"ldapsearch -x -D cn=a -w SECRET", "ldapsearch -x -D cn=a -w [masked]"},
        {"zip -P SECRET a.zip b", "zip -P [masked] a.zip b"},
        {"7z x -pSECRET a.7z", "7z x -p[masked] a.7z"},
        {"gh secret set N -b SECRET", "gh secret set N -b [masked]"},
        /* What follows is done, and shows. */
        {"curl -u me:SECRET;rm -rf /", "curl -u me:[masked];rm -rf /"},
        {"curl -u \"me:$(rm -rf /)\"", NULL},
        {"mysql -p`rm -rf /`", NULL},
        {"curl -u ;rm -rf /", NULL},
    };

    (void)state;
    TRY(examples);
}

/* The same options of other programs, or with values that are none. */
static void not_by_program(void **state)
{
    static const struct example examples[] = {
        {"mysql -p dbname", NULL},
        {"mysql -u root -p dbname -e 'select 1'", NULL},
        {"mysql --password dbname", NULL},
        {"mysql -uapp -hhope", NULL},
        {"curl -u me http://h", NULL},
        {"curl -u me:$PASS http://h", NULL},
        {"curl -b jar.txt http://h", NULL},
        {"curl --user-agent a:b http://h", NULL},
        {"curl -A a:b -o u:v -x h:1 http://h:80", NULL},
        {"docker run -p 80:80 -u 1000:1000 image", NULL},
        {"docker compose -p name up", NULL},
        {"mkdir -p a/b; cp -u a:b c", NULL},
        {"echo curl; ls -u a:b", NULL},
        {"curl http://h && sort -u a:b", NULL},
        {"curl http://h\nsort -u a:b", NULL},
        {"echo \"use curl\" -u a:b", NULL},
        {"ls curl-u a:b", NULL},
        {"https://h -a a:b", NULL},
        {"sudo -u me:x ls", NULL},
        {"openssl rsa -passin env:VAR -passout file:f", NULL},
        {"mongosh -u me -p --quiet", NULL},
        {"redis-cli -p 6379 ping", NULL},
        {"ssh -p 22 h; scp -P 22 a h:b", NULL},
        {"git config user.name a", NULL},
        {"aws configure get aws_secret_access_key x", NULL},
        {"ssh-keygen -t ed25519 -f k", NULL},
        {"7z x a.7z -o/tmp/p", NULL},
        {"curl", NULL},
        {"curl -", NULL},
        {"curl -u", NULL},
        {"curl -u ", NULL},
        {"mysql -p", NULL},
    };

    (void)state;
    TRY(examples);
}

/* Argument vectors: the words, and what is shown of them. */
static void words(void **state)
{
    static const char *const rows[][2][8] = {
        {{"curl", "-u", "me:SECRET", "http://h"}, {"curl", "-u", "me:", "http://h"}},
        {{"/usr/bin/curl", "-sume:SECRET", "u"}, {"/usr/bin/curl", "-sume:", "u"}},
        {{"curl", "--user", "me"}, {"curl", "--user", "me"}},
        {{"env", "mysql", "-pSECRET", "db"}, {"env", "mysql", "-p", "db"}},
        {{"mysql", "-p", "db"}, {"mysql", "-p", "db"}},
        {{"mysql", "--password", "db"}, {"mysql", "--password", "db"}},
        {{"sshpass", "-p", "-x", "ssh"}, {"sshpass", "-p", "", "ssh"}},
        {{"docker", "login", "-p", "S", "r"}, {"docker", "login", "-p", "", "r"}},
        {{"docker", "run", "-p", "80:80"}, {"docker", "run", "-p", "80:80"}},
        {{"aws", "configure", "set", "aws_secret_access_key", "S"},
         {"aws", "configure", "set", "aws_secret_access_key", ""}},
        {{"openssl", "x", "-passin", "pass:S"}, {"openssl", "x", "-passin", "pass:"}},
        {{"tool", "--password", "S", "--password=x"}, {"tool", "--password", "", "--password=x"}},
        {{"mkdir", "-p", "a:b", ""}, {"mkdir", "-p", "a:b", ""}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bj_mask_words read = {0};

        for (size_t j = 0; rows[i][0][j] != NULL; j++) {
            size_t shown = bj_mask_word(&read, rows[i][0][j]);

            if (shown != strlen(rows[i][1][j]))
                fail_msg("row %zu: %zu bytes are shown of %s", i, shown, rows[i][0][j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_name),
        cmocka_unit_test(stays),
        cmocka_unit_test(by_program),
        cmocka_unit_test(not_by_program),
        cmocka_unit_test(words),
        cmocka_unit_test(by_value),
        cmocka_unit_test(by_shape),
        cmocka_unit_test(names),
        cmocka_unit_test(long_texts_end),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(values_are_read_together),
        cmocka_unit_test(cuts_leave_no_half),
        cmocka_unit_test(cut_secrets_are_masked),
        cmocka_unit_test(children_get_no_value),
        cmocka_unit_test(trimmed),
        cmocka_unit_test(too_many_are_an_error),
        cmocka_unit_test(nothing_reaches_the_file),
    };

    return cmocka_run_group_tests_name("model/mask", tests, setup, teardown);
}
