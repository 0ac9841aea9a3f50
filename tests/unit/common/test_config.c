/*
 * The values of tcpack.ini reach struct config unchanged, and missing keys get their defaults. Two
 * promises are tested for every option of the table, including future ones: the output of
 * config_print() reads back to the same configuration, and the shipped file shows the defaults.
 */
#include "common/config/options.h"
#include "common/config/reader.h"
#include "common/framing/framing.h"
#include "common/log.h"
#include "config_said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct config parse_bytes(const char *text, size_t size)
{
    struct buffer said = {0};
    struct config_report report = config_said(&said);
    struct config config;

    bool accepted = config_parse("f", text, size, &report, &config);
    assert_string_equal(config_said_text(&said), "");
    assert_true(accepted);
    buffer_free(&said);
    return config;
}

static struct config parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static struct config load(const char *path, const char *const *overrides, size_t count)
{
    const struct config_source source = {
        .path = path, .overrides = overrides, .overrides_count = count};
    struct buffer said = {0};
    struct config_report report = config_said(&said);
    struct config config;

    bool accepted = config_load(&source, &report, &config);
    assert_string_equal(config_said_text(&said), "");
    assert_true(accepted);
    buffer_free(&said);
    return config;
}

/* The output of config_print(); the caller frees it. */
static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_true(config_print(config, out));
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Whether it prints, reads back and prints the same again. Frees it. */
static void assert_reads_back(struct config *config)
{
    char *first = printed(config);
    struct config again = parse(first);
    char *second = printed(&again);

    assert_string_equal(first, second);
    free(first);
    free(second);
    config_free(&again);
    config_free(config);
}

static void test_defaults(void **unused)
{
    struct config config = load("/nonexistent/tcpack.ini", NULL, 0);

    (void)unused;
    assert_string_equal(config.server.name, "");
    assert_string_equal(config.server.host, "127.0.0.1");
    assert_int_equal(config.server.port, 8001);
    assert_int_equal(config.server.backlog, 128);
    assert_int_equal(config.server.buffer_size, 16384);
    assert_int_equal(config.server.framing, FRAMING_AUTO);
    assert_true(config.server.acknowledge);
    assert_string_equal(config.server.reply, "server received you message.");
    assert_int_equal(config.server.max_message, 1048576);
    assert_int_equal(config.server.stall_timeout, 60);
    assert_int_equal(config.server.socket_mode, 0660);
    assert_int_equal(config.max_clients, 0);
    assert_int_equal(config.listeners_count, 0);
    assert_string_equal(config.journal.file, "-");
    assert_true(config.journal.sync);
    assert_int_equal(config.journal.mode, 0640);
    assert_int_equal(config.log.level, LOG_LEVEL_INFO);
    assert_int_equal(config.metrics.interval, 15);
    assert_string_equal(config.client.host, "127.0.0.1");
    assert_int_equal(config.client.port, 8001);
    assert_int_equal(config.client.timeout, 5);
    assert_string_equal(config.client.prompt, "Please input msg:");
    assert_reads_back(&config);
}

/* Each form in which a text can be written, and its value. */
static void test_forms_of_a_value(void **unused)
{
    static const struct {
        const char *line;
        const char *value;
    } forms[] = {
        {"prompt = a", "a"},
        {"prompt=a", "a"},
        {"prompt\t=\ta b\t", "a b"},
        {"prompt =", ""},
        {"prompt = \"\"", ""},
        {"prompt = \" a \"", " a "},
        {"prompt = \"\"a\"", "\"a"},
        {"prompt = a\"", "a\""},
        {"prompt = \"\"\"", "\""},
        {"prompt = \"say \"a\"\"", "say \"a\""},
        {"prompt = \"a\" and \"b\"", "a\" and \"b"},
        {"prompt = \"a\" ; b", "a"},
        {"prompt = \"a\"\t;b", "a"},
        {"prompt = \"\" ; b", ""},
        {"prompt =;b", ";b"},
        {"prompt = a;b", "a;b"},
        {"prompt = \"a ; b\"", "a ; b"},
        {"prompt = \"a ; b\" ; \"c\"", "a ; b"},
        {"prompt = say \"a ; b\" c", "say \"a ; b\" c"},
        {"prompt = a#b", "a#b"},
        {"prompt = \"a # b\"", "a # b"},
        {"prompt = say \"a # b\" c", "say \"a # b\" c"},
        {"prompt =#b", "#b"},
        {"prompt = a = b : [c]", "a = b : [c]"},
        {"prompt = C:\\x\\", "C:\\x\\"},
        {"prompt = \xe8\xaf\xb7", "\xe8\xaf\xb7"},
        {"prompt = \xff\xfe", "\xff\xfe"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "[client]\n%s\n", forms[i].line);
        struct config config = parse(text);
        assert_string_equal(config.client.prompt, forms[i].value);
        assert_reads_back(&config);
    }
}

/* A key that takes one word has room for a comment without quotes. */
static void test_comment_after_a_word(void **unused)
{
    static const char *const lines[] = {"file = a ; b", "file = a\t;b", "file =a ;",
                                        "file = a ; b # c"};

    (void)unused;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "[metrics]\n%s\n", lines[i]);
        struct config config = parse(text);
        assert_string_equal(config.metrics.file, "a");
        assert_reads_back(&config);
    }
}

/* Line ends, comments, empty lines and a byte order mark are not part of values. */
static void test_forms_of_a_file(void **unused)
{
    static const char *const files[] = {
        "[server]\nport = 7\n",
        "[server]\nport = 7",
        "[server]\r\nport = 7\r\n",
        "\xef\xbb\xbf[server]\nport = 7\n",
        "\xef\xbb\xbf\r\n\r\n[server]\t; one\r\n; two\r\n \t# three\r\n\t\r\nport = 7 ; four\r\n",
        "[log]\n[server] ;\nport=7\n[client]\n",
        "[server]\nport = 0007\n",
    };

    (void)unused;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct config config = parse(files[i]);
        assert_int_equal(config.server.port, 7);
        config_free(&config);
    }
    struct config config = parse_bytes(NULL, 0);
    assert_int_equal(config.server.port, 8001);
    config_free(&config);
}

/* The longest valid line, whatever follows it, is read and printed. */
static void test_longest_line(void **unused)
{
    char text[512];
    static const char key[] = "[client]\nprompt=";
    size_t value_size = CONFIG_LINE_MAX - strlen("prompt=");

    (void)unused;
    memcpy(text, key, sizeof key - 1);
    memset(text + sizeof key - 1, 'x', value_size);
    memcpy(text + sizeof key - 1 + value_size, "\nwindow=9\n", sizeof "\nwindow=9\n");
    struct config config = parse(text);
    assert_int_equal(strlen(config.client.prompt), value_size);
    assert_int_equal(config.client.window, 9);
    assert_reads_back(&config);
}

/* A comment may have any length, also after a value or a section. */
static void test_long_comments(void **unused)
{
    static const struct {
        const char *before;
        char letter;
        const char *after;
    } forms[] = {
        {";", 'x', "\n[server]\nport = 7\n"},
        {"  # ", 'x', "\n[server]\nport = 7\n"},
        {"[server] ;", 'x', "\nport = 7\n"},
        {"[server]\nport = 7 ;", '=', "\n"},
        {"[server]\nreply = \"a ; b\" ; ", '"', "\nport = 7"},
        {"[server]\nport = 7 ", ' ', ";\n"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct buffer text = {0};
        assert_true(buffer_printf(&text, "%s", forms[i].before));
        for (int size = 0; size < 1000; size++)
            assert_true(buffer_append(&text, &forms[i].letter, 1));
        assert_true(buffer_printf(&text, "%s", forms[i].after));
        struct config config = parse_bytes((const char *)text.bytes, text.size);
        assert_int_equal(config.server.port, 7);
        config_free(&config);
        buffer_free(&text);
    }
}

/* Lists may be given several times, and are printed in as many lines as they need. */
static void test_lists_add_up(void **unused)
{
    struct config config =
        parse("[server]\nallow = 10.0.0.0/8, ::1\nallow =\nallow=\"192.0.2.1\" ; one more\n"
              "deny = 192.0.2.7\n[listener own]\nport=1\nallow = 192.0.2.2\nallow = 192.0.2.3\n"
              "[listener heir]\nport=2\n");

    (void)unused;
    assert_string_equal(config.server.allow, "10.0.0.0/8 ::1 192.0.2.1");
    assert_string_equal(config.listeners[0].allow, "192.0.2.2 192.0.2.3");
    assert_string_equal(config.listeners[0].deny, "192.0.2.7");
    assert_string_equal(config.listeners[1].allow, "10.0.0.0/8 ::1 192.0.2.1");
    assert_reads_back(&config);
}

static void test_long_lists_read_back(void **unused)
{
    struct buffer text = {0};
    struct buffer list = {0};
    enum { ENTRIES = 300 };

    (void)unused;
    assert_true(buffer_printf(&text, "[server]\n"));
    for (int i = 0; i < ENTRIES; i++) {
        const char *blank = i == 0 ? "" : " ";
        assert_true(buffer_printf(&text, "proxy_from = 10.0.%d.%d\n", i / 256, i % 256));
        assert_true(buffer_printf(&list, "%s10.0.%d.%d", blank, i / 256, i % 256));
    }
    assert_true(buffer_append(&list, "", 1));
    struct config config = parse_bytes((const char *)text.bytes, text.size);
    assert_string_equal(config.server.proxy_from, (const char *)list.bytes);
    char *print = printed(&config);
    struct config again = parse(print);
    assert_string_equal(again.server.proxy_from, (const char *)list.bytes);
    free(print);
    config_free(&again);
    assert_reads_back(&config);
    buffer_free(&text);
    buffer_free(&list);
}

/* Overrides of a list replace the file's, and add up. */
static void test_lists_in_overrides(void **unused)
{
    char path[] = "/tmp/test_config.XXXXXX";
    static const char text[] = "[server]\nallow = 10.0.0.0/8\nallow = ::1\ndeny = ::2\n";
    const char *overrides[] = {"server.allow=192.0.2.1", "server.allow=192.0.2.2 192.0.2.3",
                               "server.deny="};
    int descriptor = mkstemp(path);

    (void)unused;
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, sizeof text - 1), sizeof text - 1);
    struct config config = load(path, overrides, 3);
    assert_string_equal(config.server.allow, "192.0.2.1 192.0.2.2 192.0.2.3");
    assert_string_equal(config.server.deny, "");
    assert_reads_back(&config);
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(unlink(path), 0);
}

/* A reply that the framing can carry, or that is never sent, is not an error. */
static void test_replies_that_fit(void **unused)
{
    static const char *const files[] = {
        "[server]\nframing = octet\nreply = a\\n\\x00b\n",
        "[server]\nframing = line\nreply = a\\x00b\\r\n",
        "[server]\nframing = nul\nreply = a\\nb\\n\n",
        "[server]\nreply = {seq} {bytes} {time}\\t\\\\n\n",
        "[server]\nreply =\n",
        "[server]\nframing = line\nacknowledge = no\nreply = a\\n\n",
        "[server]\nframing = octet\nreply = a\\n\n[listener x]\nframing = line\nreply = b\n",
        "[server]\nframing = octet\nreply = a\\n\n[listener x]\nframing=nul\nacknowledge=no\n",
    };

    (void)unused;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct config config = parse(files[i]);
        assert_reads_back(&config);
    }
}

static void test_client_finds_the_server(void **unused)
{
    static const char *const hosts[][2] = {
        {"*", "127.0.0.1"},
        {"0.0.0.0", "127.0.0.1"},
        {"::", "::1"},
        {"[::]", "::1"},
        {"0:0::0", "::1"},
        {"::2", "::2"},
        {"/run/x", "/run/x"},
        {"0", "0"},
        {"example.com", "example.com"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "[client]\n[server]\nhost = %s\nport=9\nframing=nul\n",
                       hosts[i][0]);
        struct config config = parse(text);
        assert_string_equal(config.server.host, hosts[i][0]);
        assert_string_equal(config.client.host, hosts[i][1]);
        assert_int_equal(config.client.port, 9);
        assert_int_equal(config.client.framing, FRAMING_NUL);
        assert_reads_back(&config);
    }
    struct config config = parse("[client]\nhost = *\nport = 3\n[server]\nport = 9\n");
    assert_string_equal(config.client.host, "*"); /* the file sets it */
    assert_int_equal(config.client.port, 3);
    config_free(&config);
}

static void test_listeners_inherit(void **unused)
{
    const char *overrides[] = {"server.backlog=5", "listener b.framing=octet",
                               "listener new.port=6", "server.backlog=4"};
    struct config config = load("/dev/null", overrides, 4);

    (void)unused;
    assert_int_equal(config.listeners_count, 2);
    assert_string_equal(config.listeners[0].name, "b");
    assert_int_equal(config.listeners[0].framing, FRAMING_OCTET);
    assert_int_equal(config.listeners[0].port, 8001);
    assert_int_equal(config.listeners[0].backlog, 4);
    assert_int_equal(config.listeners[1].port, 6);
    assert_reads_back(&config);

    /* A [server] section after a listener counts, too. */
    config = parse("[listener a]\nreply =\nacknowledge = no\n[listener B_-9]\n"
                   "[server]\nreply = r\nmax_clients = 3\n");
    assert_int_equal(config.listeners_count, 2);
    assert_string_equal(config.listeners[0].reply, "");
    assert_false(config.listeners[0].acknowledge);
    assert_string_equal(config.listeners[1].name, "B_-9");
    assert_string_equal(config.listeners[1].reply, "r");
    assert_true(config.listeners[1].acknowledge);
    assert_int_equal(config.max_clients, 3);
    assert_reads_back(&config);
}

/* An override replaces the file's value, and a later one an earlier one. It has no comment. */
static void test_overrides(void **unused)
{
    const char *overrides[] = {
        "server.port=1",          "server.port=2", "client.prompt=a ; b",       "log.to = syslog",
        "server.reply=\" a=b \"", "client.host=",  "client.host=a.example.com",
    };
    struct config config;
    struct buffer said = {0};
    struct config_report report = config_said(&said);
    const struct config_source source = {
        .path = "/dev/null", .must_exist = true, .overrides = overrides, .overrides_count = 6};

    (void)unused;
    assert_false(config_load(&source, &report, &config));
    assert_string_equal(config_said_text(&said), "-o client.host=: host: must not be empty\n");
    buffer_free(&said);
    overrides[5] = "client.port=3";
    config = load("/dev/null", overrides, 7);
    assert_int_equal(config.server.port, 2);
    assert_string_equal(config.client.prompt, "a ; b");
    assert_int_equal(config.log.to, LOG_TO_SYSLOG);
    assert_string_equal(config.server.reply, " a=b ");
    assert_int_equal(config.client.port, 3);
    assert_string_equal(config.client.host, "a.example.com");
    assert_reads_back(&config);
}

/* Each text of up to five of these bytes: it is printed and reads back, or printing refuses it. */
static void test_nasty_values_read_back(void **unused)
{
    static const char bytes[] = "\" ;a\\#";
    enum { BYTES = sizeof bytes, LENGTH = 5 }; /* the final NUL counts: shorter values */
    size_t all = 1;
    size_t kept = 0;

    (void)unused;
    for (int i = 0; i < LENGTH; i++)
        all *= BYTES;
    for (size_t number = 0; number < all; number++) {
        char value[LENGTH + 1] = "";
        char line[CONFIG_LINE_MAX + 1];
        char text[CONFIG_LINE_MAX + 16];
        size_t rest = number;
        for (size_t i = 0; i < LENGTH; i++, rest /= BYTES)
            value[i] = bytes[rest % BYTES];
        if (!config_reader_write("prompt", value, line)) {
            assert_non_null(strchr(value, '"'));
            assert_true(strstr(value, " ;") != NULL || strstr(value, " #") != NULL);
            continue;
        }
        (void)snprintf(text, sizeof text, "[client]\n%s\n", line);
        struct config config = parse(text);
        assert_string_equal(config.client.prompt, value);
        config_free(&config);
        kept++;
    }
    assert_true(kept > all / 100 * 95);
}

static void test_every_option_says_what_a_reload_does(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < config_options_count; i++) {
        const struct config_option *option = &config_options[i];
        assert_int_not_equal(option->reload, CONFIG_RELOAD_UNSAID);
        assert_int_equal(option->reload == CONFIG_OF_CLIENT, option->section == CONFIG_CLIENT);
        if (option->reload == CONFIG_AFTER_RESTART)
            assert_false(option->of_listener); /* warn_restart() in reload.c does not compare those
                                                  of listeners */
    }
}

/* Every option with a value other than its default is printed without loss. */
static void test_every_option_is_printed(void **unused)
{
    static const char *const others[] = {"7",    "0600",  "no",     "a ; b",      "json",
                                         "line", "debug", "syslog", "10.0.0.0/8", "[::1]:80"};

    (void)unused;
    for (size_t i = 0; i < config_options_count; i++) {
        const struct config_option *option = &config_options[i];
        struct problem problem;
        char room[CONFIG_VALUE_SIZE];
        char other_room[CONFIG_VALUE_SIZE];
        struct config config = parse("");
        void *home = option->of_listener ? (void *)&config.server : (void *)&config;
        size_t taken = 0;
        for (size_t other = 0; other < sizeof others / sizeof others[0]; other++) {
            if (!config_option_set(option, home, others[other], &problem))
                continue;
            char *text = printed(&config);
            struct config again = parse(text);
            void *same = option->of_listener ? (void *)&again.server : (void *)&again;
            assert_string_equal(config_option_value(option, same, room),
                                config_option_value(option, home, other_room));
            config_free(&again);
            free(text);
            taken++;
        }
        assert_true(taken > 0);
        config_free(&config);
    }
}

static void test_print_says_when_it_fails(void **unused)
{
    struct config config = parse("");
    FILE *full = fopen("/dev/full", "w");

    (void)unused;
    assert_non_null(full);
    assert_false(config_print(&config, full));
    (void)fclose(full); /* fails again: the output is still buffered */
    config_free(&config);
}

/* The shipped file, as it is, and with the ";" before every key removed. */
static void test_shipped_file(void **unused)
{
    struct buffer path = {0};
    struct buffer text = {0};
    char line[256];
    size_t keys = 0;
    struct config defaults = parse("");

    (void)unused;
    assert_non_null(getenv("TCPACK_SRCDIR"));
    assert_true(buffer_printf(&path, "%s/etc/tcpack.ini", getenv("TCPACK_SRCDIR")) &&
                buffer_append(&path, "", 1));
    struct config shipped = load((const char *)path.bytes, NULL, 0);
    FILE *file = fopen((const char *)path.bytes, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        size_t commented = line[0] == ';' ? 1 : 0;
        keys += commented;
        assert_true(line[0] == ';' || line[0] == '#' || line[0] == '[' || line[0] == '\n');
        assert_true(buffer_append(&text, line + commented, strlen(line + commented)));
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(keys, config_options_count); /* no key is there twice: that would be refused */
    struct config uncommented = parse_bytes((const char *)text.bytes, text.size);

    char *expected = printed(&defaults);
    char *as_shipped = printed(&shipped);
    char *as_uncommented = printed(&uncommented);
    assert_string_equal(as_shipped, expected);
    assert_string_equal(as_uncommented, expected);
    free(expected);
    free(as_shipped);
    free(as_uncommented);
    config_free(&defaults);
    config_free(&shipped);
    config_free(&uncommented);
    buffer_free(&path);
    buffer_free(&text);
}

/* The caller's default of [journal] file, and whether the file sets the key. */
static void test_default_of_the_journal(void **unused)
{
    const char *const overrides[] = {"journal.file=-"};
    struct config_source source = {.path = "/dev/null", .overrides = overrides};
    struct buffer said = {0};
    struct config_report report = config_said(&said);
    struct config config;

    (void)unused;
    for (int given = 0; given < 2; given++) {
        source.journal_file = "/var/lib/x/journal";
        source.overrides_count = (size_t)given;
        assert_true(config_load(&source, &report, &config));
        assert_string_equal(config.journal.file, given ? "-" : source.journal_file);
        assert_int_equal(config.journal.file_given, given);
        config_free(&config);
    }
    source.journal_file = NULL;
    source.overrides_count = 0;
    assert_true(config_load(&source, &report, &config));
    assert_string_equal(config.journal.file, "-");
    assert_false(config.journal.file_given);
    config_free(&config);
    buffer_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_forms_of_a_value),
        cmocka_unit_test(test_comment_after_a_word),
        cmocka_unit_test(test_forms_of_a_file),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_long_comments),
        cmocka_unit_test(test_lists_add_up),
        cmocka_unit_test(test_long_lists_read_back),
        cmocka_unit_test(test_lists_in_overrides),
        cmocka_unit_test(test_replies_that_fit),
        cmocka_unit_test(test_client_finds_the_server),
        cmocka_unit_test(test_listeners_inherit),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_default_of_the_journal),
        cmocka_unit_test(test_nasty_values_read_back),
        cmocka_unit_test(test_every_option_says_what_a_reload_does),
        cmocka_unit_test(test_every_option_is_printed),
        cmocka_unit_test(test_print_says_when_it_fails),
        cmocka_unit_test(test_shipped_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
