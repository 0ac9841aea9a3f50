/*
 * If someone mistypes tcpack.ini, the error is all the help they get, so this tests its exact text:
 * for each possible mistake a file, and the errors that it causes. It also tests that no mistake is
 * read as something else: each of these files is refused.
 */
#include "config_said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define TEN         "xxxxxxxxxx"
#define FIFTY       TEN TEN TEN TEN TEN
#define TWO_HUNDRED FIFTY FIFTY FIFTY FIFTY

#define HASH(line)                                                                                 \
    "f:" line                                                                                      \
    ": a \"#\" after a blank: begin a comment with \";\", and put a value that contains "          \
    "\" #\" in double quotes\n"
#define OPEN_QUOTE "a value that begins with a double quote must end with one, before a comment\n"
#define FREE_TEXT  "is the \" ;\" text, or does it begin a comment? Put the text in double quotes\n"
#define TOO_MANY(a, framing)                                                                       \
    " contains a " a ": with framing = " framing " a client would take it for more than one\n"
#define NEEDS_RESPONSES                                                                            \
    "framing = relp needs acknowledge = yes: its clients wait for a response to each message\n"

struct bad {
    const char *text;
    const char *said;
};

/* Files, and the errors that they cause. */
static const struct bad bad_files[] = {
    /* sections */
    {"[serevr]\n", "f:1: unknown section [serevr] (did you mean \"server\"?)\n"},
    {"[Server]\n", "f:1: unknown section [Server] (did you mean \"server\"?)\n"},
    {"[ server ]\n", "f:1: unknown section [ server ] (did you mean \"server\"?)\n"},
    {"[lgo]\n", "f:1: unknown section [lgo] (did you mean \"log\"?)\n"},
    {"[global]\n", "f:1: unknown section [global]: server, listener NAME, journal, log, metrics "
                   "and client are known\n"},
    {"[]\n", "f:1: unknown section []: server, listener NAME, journal, log, metrics and client are "
             "known\n"},
    {"[global]\nport = x\nwhatever\n", "f:1: unknown section [global]: server, listener NAME, "
                                       "journal, log, metrics and client are known\n"},
    {"[server]\n[log]\n[server]\n", "f:3: section [server] began on line 1 already\n"},
    {"[server]\n[server]\nport = x\n", "f:2: section [server] began on line 1 already\n"
                                       "f:3: port: \"x\" is not a number from 0 to 65535\n"},
    {"[server\nport = 1\n", "f:1: no \"]\" after the name of the section\n"},
    {"[server ; ]\n", "f:1: unknown section [server ; ]: server, listener NAME, journal, log, "
                      "metrics and client are known\n"},
    {"[server] port = 1\n", "f:1: text after the \"]\"\n"},
    {"[server]; comment\n", "f:1: text after the \"]\"\n"},
    {"[server] # comment\nport = x\n", "f:1: text after the \"]\"\n"
                                       "f:2: port: \"x\" is not a number from 0 to 65535\n"},
    {"[server]]\n", "f:1: text after the \"]\"\n"},
    {" [server]\n", "f:1: a blank before the text: a line begins at its left edge, and a value has "
                    "only one line\n"},

    /* listeners */
    {"[listener]\n", "f:1: a listener's name has 1 to 32 letters, digits, \"-\" or \"_\": "
                     "[listener NAME]\n"},
    {"[listener ]\n", "f:1: a listener's name has 1 to 32 letters, digits, \"-\" or \"_\": "
                      "[listener NAME]\n"},
    {"[listener  two]\n", "f:1: a listener's name has 1 to 32 letters, digits, \"-\" or \"_\": "
                          "[listener NAME]\n"},
    {"[listener a.b]\n", "f:1: a listener's name has 1 to 32 letters, digits, \"-\" or \"_\": "
                         "[listener NAME]\n"},
    {"[listener " TEN TEN TEN "xxx]\n", "f:1: a listener's name has 1 to 32 letters, digits, \"-\" "
                                        "or \"_\": [listener NAME]\n"},
    {"[Listener x]\n", "f:1: unknown section [Listener x]: server, listener NAME, journal, log, "
                       "metrics and client are known\n"},
    {"[listener x]\n[listener y]\n[listener x]\n",
     "f:3: section [listener x] began on line 1 already\n"},
    {"[listener x]\nmax_clients = 1\n",
     "f:2: unknown key \"max_clients\" in [listener x]: it belongs to [server]\n"},
    {"[listener x]\nuser = nobody\n",
     "f:2: unknown key \"user\" in [listener x]: it belongs to [server]\n"},
    {"[listener x]\nprot = 1\n", "f:2: unknown key \"prot\" in [listener x] (did you mean "
                                 "\"port\"?)\n"},

    /* keys */
    {"[server]\nprot = 1\n", "f:2: unknown key \"prot\" in [server] (did you mean \"port\"?)\n"},
    {"[server]\nPORT = 1\n", "f:2: unknown key \"PORT\" in [server] (did you mean \"port\"?)\n"},
    {"[server]\nstall-timeout = 1\n",
     "f:2: unknown key \"stall-timeout\" in [server] (did you mean \"stall_timeout\"?)\n"},
    {"[server]\ntls = yes\n", "f:2: unknown key \"tls\" in [server]\n"},
    {"[client]\nbacklog = 1\n",
     "f:2: unknown key \"backlog\" in [client]: it belongs to [server]\n"},
    {"[journal]\nport = 1\n",
     "f:2: unknown key \"port\" in [journal]: it belongs to [server] or [client]\n"},
    {"[log]\nfile = x\n",
     "f:2: unknown key \"file\" in [log]: it belongs to [journal] or [metrics]\n"},
    {"[server]\nport = 1\nport = 1\n", "f:3: port was set on line 2 already\n"},
    {"[server]\nport = x\nport = 1\n", "f:2: port: \"x\" is not a number from 0 to 65535\n"
                                       "f:3: port was set on line 2 already\n"},
    {"[server]\n= 1\n", "f:2: no key before the \"=\"\n"},
    {"[server]\nport\n", "f:2: no \"=\": a line is [section], key = value, or a comment after "
                         "\";\" or \"#\"\n"},
    {"[server]\nport ; = 1\n", "f:2: no \"=\": a line is [section], key = value, or a comment "
                               "after \";\" or \"#\"\n"},
    {"[server]\nport: 1\n", "f:2: \":\" where \"=\" is needed: key = value\n"},
    {"[server]\nhost ::1\n", "f:2: \":\" where \"=\" is needed: key = value\n"},
    {"port = 1\n[server]\n", "f:1: text before the first [section]\n"},
    {"hello\n", "f:1: text before the first [section]\n"},
    {"[server]\nallow = 10.0.0.0/8\n  127.0.0.1\n",
     "f:3: a blank before the text: a line begins at its left edge, and a value has only one "
     "line\n"},
    {"[server]\n\tport = 1\n", "f:2: a blank before the text: a line begins at its left edge, and "
                               "a value has only one line\n"},

    /* malformed lines */
    {"[server]\nreply = " TWO_HUNDRED "\n", "f:2: the line is longer than 198 bytes\n"},
    {"[server]\nallow = " FIFTY FIFTY FIFTY FIFTY "\n",
     "f:2: the line is longer than 198 bytes: give allow several times, the lists add up\n"},
    {"[nothing]\nallow = " TWO_HUNDRED "\n",
     "f:1: unknown section [nothing]: server, listener NAME, journal, log, metrics and client are "
     "known\nf:2: the line is longer than 198 bytes\n"},
    {"[server]\nallow" TWO_HUNDRED "\n", "f:2: the line is longer than 198 bytes\n"},
    {"[server]\nreply = \"" TWO_HUNDRED " ; a\n", "f:2: the line is longer than 198 bytes\n"},
    {"; " TWO_HUNDRED "\x1b port = 9\n", "f:1: a control character (0x1b) in the line\n"},
    {"[" TWO_HUNDRED "]\nport = 9\n", "f:1: the line is longer than 198 bytes\n"},
    {"[server]\nreply = \x1b[2J\n", "f:2: a control character (0x1b) in the line\n"},
    {"[server]\nport = 1\rhost = x\n", "f:2: a control character (0x0d) in the line\n"},
    {"[server]\n\vport = 1\n", "f:2: a control character (0x0b) in the line\n"},
    {"[server]\n\x7f\n", "f:2: a control character (0x7f) in the line\n"},
    {"\xff\xfe[\n", "f:1: text before the first [section]\n"},
    {"[server]\n\xef\xbb\xbfport = 1\n", "f:2: unknown key \"\xef\xbb\xbfport\" in [server]\n"},
    {"[server]\n\x9b\xc2\x9b = 1\n", "f:2: unknown key \"\\x9b\\xc2\\x9b\" in [server]\n"},
    {"[server]\nreply = \"a ; b\n", "f:2: a \";\" after an unmatched double quote: is it "
                                    "text or a comment?\n"},
    {"[server]\nreply = 5\" ; b\n", "f:2: a \";\" after an unmatched double quote: is it "
                                    "text or a comment?\n"},

    {"[journal]\nfile = journal   # mine\n", HASH("2")},
    {"[server]\nreply = thanks # more\n", HASH("2")},
    {"[server]\nallow = 10.0.0.0/8 #mine\n", HASH("2")},
    {"[server]\nhost = # mine\n", HASH("2")},
    {"[server]\nreply = \"a\" # b ; c\n", "f:2: " OPEN_QUOTE},
    {"[server]\nreply = thanks ; more\n", "f:2: reply: " FREE_TEXT},
    {"[client]\nprompt = ; b\n", "f:2: prompt: " FREE_TEXT},
    {"[listener x]\nreply = say \"a\" ; b\n", "f:2: reply: " FREE_TEXT},
    {"[server]\nreply = \"unclosed\n", "f:2: " OPEN_QUOTE},
    {"[client]\nprompt = \"\n", "f:2: " OPEN_QUOTE},
    {"[journal]\nfile = \"a\" b ; c\n", "f:2: " OPEN_QUOTE},
    {"[server]\nport = \"1\n", "f:2: " OPEN_QUOTE},

    /* numbers */
    {"[server]\nport = 65536\n", "f:2: port: \"65536\" is out of range: 0 to 65535\n"},
    {"[server]\nport = 99999999999999999999999\n",
     "f:2: port: \"99999999999999999999999\" is out of range: 0 to 65535\n"},
    {"[server]\nport = -1\n", "f:2: port: \"-1\" is not a number from 0 to 65535\n"},
    {"[server]\nport = +1\n", "f:2: port: \"+1\" is not a number from 0 to 65535\n"},
    {"[server]\nport = 0x10\n", "f:2: port: \"0x10\" is not a number from 0 to 65535\n"},
    {"[server]\nport = 80 81\n", "f:2: port: \"80 81\" is not a number from 0 to 65535\n"},
    {"[server]\nport =\n", "f:2: port: \"\" is not a number from 0 to 65535\n"},
    {"[server]\nport = \" 1\"\n", "f:2: port: \" 1\" is not a number from 0 to 65535\n"},
    {"[server]\nport = 1 # one\n", HASH("2")},
    {"[server]\nport = 1;one\n", "f:2: port: \"1;one\" is not a number from 0 to 65535\n"},
    {"[server]\nbacklog = 0\n", "f:2: backlog: \"0\" is out of range: 1 to 65535\n"},
    {"[server]\nbuffer_size = 16777217\n",
     "f:2: buffer_size: \"16777217\" is out of range: 1 to 16777216\n"},
    {"[server]\nbuffer_size = 16k\n", "f:2: buffer_size: \"16k\" is not a number from 1 to "
                                      "16777216, which may end with K, M or G\n"},
    {"[server]\nbuffer_size = 16385K\n",
     "f:2: buffer_size: \"16385K\" is out of range: 1 to 16777216\n"},
    {"[server]\nbuffer_size = 18014398509481984K\n",
     "f:2: buffer_size: \"18014398509481984K\" is not a number from 1 to 16777216, which may end "
     "with "
     "K, M or G\n"},
    {"[server]\nport = 8K\n", "f:2: port: \"8K\" is not a number from 0 to 65535\n"},
    {"[server]\nidle_timeout = 10m\n",
     "f:2: idle_timeout: \"10m\" has a unit, but times are seconds: write 600\n"},
    {"[log]\nlevel = warn\n",
     "f:2: level: \"warn\" is not one of error, warning, notice, info, debug, "
     "trace (did you mean \"warning\"?)\n"},
    {"[server]\nmax_message = 0\n", "f:2: max_message: \"0\" is out of range: 1 to 1073741824\n"},
    {"[server]\nmax_clients = 1000001\n",
     "f:2: max_clients: \"1000001\" is out of range: 0 to 1000000\n"},
    {"[server]\nkeepalive = 32768\n", "f:2: keepalive: \"32768\" is out of range: 0 to 32767\n"},
    {"[server]\nidle_timeout = 31536001\n",
     "f:2: idle_timeout: \"31536001\" is out of range: 0 to 31536000\n"},
    {"[metrics]\nlisten = 9464\n",
     "f:2: listen: not of the form ADDRESS:PORT, such as 127.0.0.1:9464\n"},
    {"[metrics]\nlisten = a:99999\n",
     "f:2: listen: the port \"99999\" is not a number from 0 to 65535\n"},
    {"[journal]\nfile = ~/journal\n",
     "f:2: file: \"~/journal\": \"~\" is not replaced here: write the whole path\n"},
    {"[metrics]\ninterval = 0\n", "f:2: interval: \"0\" is out of range: 1 to 86400\n"},
    {"[client]\ntimeout = 0\n", "f:2: timeout: \"0\" is out of range: 1 to 86400\n"},
    {"[client]\nwindow = 65537\n", "f:2: window: \"65537\" is out of range: 1 to 65536\n"},
    {"[client]\nwindow = 256K\n", "f:2: window: \"256K\" is not a number from 1 to 65536\n"},
    {"[client]\nwindow_bytes = 2G\n",
     "f:2: window_bytes: \"2G\" is out of range: 1 to 1073741824\n"},
    {"[journal]\nmode = 0999\n", "f:2: mode: \"0999\" is not an octal number from 0000 to 0777\n"},
    {"[journal]\nmode = 1777\n", "f:2: mode: \"1777\" is not an octal number from 0000 to 0777\n"},
    {"[server]\nsocket_mode = rw\n",
     "f:2: socket_mode: \"rw\" is not an octal number from 0000 to 0777\n"},

    /* words */
    {"[server]\nacknowledge = true\n", "f:2: acknowledge: \"true\" is neither yes nor no\n"},
    {"[journal]\nsync = YES\n", "f:2: sync: \"YES\" is neither yes nor no\n"},
    {"[journal]\nsync =\n", "f:2: sync: \"\" is neither yes nor no\n"},
    {"[journal]\nsync = no # fast\n", HASH("2")},
    {"[server]\nframing = lines\n",
     "f:2: framing: \"lines\" is not one of auto, line, nul, octet, syslog, relp "
     "(did you mean \"line\"?)\n"},
    {"[journal]\nformat = xml\n", "f:2: format: \"xml\" is not one of text, json\n"},
    {"[log]\nlevel = verbose\n",
     "f:2: level: \"verbose\" is not one of error, warning, notice, info, debug, trace\n"},
    {"[log]\nto = file\n", "f:2: to: \"file\" is not one of stderr, syslog\n"},

    /* texts */
    {"[server]\nhost =\n", "f:2: host: must not be empty\n"},
    {"[journal]\nfile = \"\"\n", "f:2: file: must not be empty\n"},
    {"[server]\nhost = 127.0.0.1 ::1\n",
     "f:2: host: one address or name only: for more, add a section [listener NAME]\n"},
    {"[server]\nhost = 127.0.0.1:8001\n",
     "f:2: host: the port has a key of its own: write host = 127.0.0.1 and port = 8001\n"},
    {"[client]\nhost = name:80\n",
     "f:2: host: the port has a key of its own: write host = name and port = 80\n"},
    {"[listener x]\nhost = [::1]:8001\n",
     "f:2: host: the port has a key of its own: write host = ::1 and port = 8001\n"},
    {"[server]\nhost = :80\n",
     "f:2: host: the port has a key of its own: write host = * and port = 80\n"},
    {"[server]\nhost = *:80\n",
     "f:2: host: the port has a key of its own: write host = * and port = 80\n"},
    {"[server]\nhost = /" FIFTY FIFTY TEN "\n",
     "f:2: host: the path of a Unix socket has at most 107 bytes\n"},
    {"[server]\nreply = {sequence}\n",
     "f:2: reply: unknown placeholder {sequence}: {seq}, {bytes} and "
     "{time} are known, a brace is \"{{\"\n"},
    {"[server]\nreply = \\q\n",
     "f:2: reply: unknown escape: \\n, \\r, \\t, \\\\ and \\xHH are known\n"},
    {"[server]\nreply = \\x4\n", "f:2: reply: \"\\x\" needs two hexadecimal digits, as in \\x0a\n"},
    {"[server]\nframing = line\nhealth_check = a\\n\n",
     "f:3: health_check: framing = line cannot carry the health_check \"a\\n\"\n"},
    {"[server]\nframing = octet\nhealth_check = a\\x00\n[listener one]\nframing = nul\n",
     "f:5: framing: framing = nul cannot carry the health_check \"a\\x00\"\n"},
    {"[server]\nhealth_check = \\q\n",
     "f:2: health_check: unknown escape: \\n, \\r, \\t, \\\\ and \\xHH are known\n"},
    {"[server]\nallow = localhost\n",
     "f:2: allow: \"localhost\" is not an address or network (as in "
     "192.0.2.1, 10.0.0.0/8, 2001:db8::/32)\n"},
    {"[server]\ndeny = 10.0.0.0/33\n",
     "f:2: deny: \"10.0.0.0/33\" has no prefix from 0 to 32 after the \"/\"\n"},
    {"[server]\nproxy_from = 10.1.2.3/8\n", "f:2: proxy_from: \"10.1.2.3/8\" has bits set after "
                                            "its prefix: the network is 10.0.0.0/8\n"},

    /* replies that their framing cannot carry: the error names what to change */
    {"[server]\nreply = ok\\n\n", "f:2: reply: the reply \"ok\\n\"" TOO_MANY("newline", "auto")},
    {"[server]\nframing = line\n\nreply = a\\x0ab\n",
     "f:4: reply: the reply \"a\\x0ab\"" TOO_MANY("newline", "line")},
    {"[server]\nreply = {seq}\\x00\nframing = nul\n",
     "f:2: reply: the reply \"{seq}\\x00\"" TOO_MANY("NUL", "nul")},
    {"[listener x]\nreply = a\\n\n", "f:2: reply: the reply \"a\\n\"" TOO_MANY("newline", "auto")},
    {"[server]\nreply = a\\n\nframing = octet\n[listener x]\nport = 1\nframing = line\n",
     "f:6: framing: the reply \"a\\n\"" TOO_MANY("newline", "line")},
    {"[server]\nreply = a\\n\nacknowledge = no\n[listener x]\nacknowledge = yes\n",
     "f:5: acknowledge: the reply \"a\\n\"" TOO_MANY("newline", "auto")},
    {"[server]\nframing = syslog\nreply = a\\nb\n",
     "f:3: reply: the reply \"a\\nb\"" TOO_MANY("newline", "syslog")},
    {"[server]\nframing = syslog\nreply =\n",
     "f:3: reply: the reply is empty: with framing = syslog a client would not see it\n"},

    /* clients that would wait for ever */
    {"[server]\nframing = relp\nacknowledge = no\n", "f:3: acknowledge: " NEEDS_RESPONSES},
    {"[server]\nacknowledge = no\n[listener x]\nframing = relp\n",
     "f:4: framing: " NEEDS_RESPONSES},
    {"[server]\nframing = relp\n[listener x]\nport = 1\nacknowledge = no\n",
     "f:5: acknowledge: " NEEDS_RESPONSES},
    {"[server]\nframing = relp\nacknowledge = no\n[listener x]\nport = 1\n",
     "f:3: acknowledge: " NEEDS_RESPONSES},

    {"[listener x]\nframing = nul\n[listener y]\nport = 1\n[server]\nreply = a\\n\\x00\n"
     "[listener z]\nframing = line\n",
     /* clang-format off */
     "f:2: framing: the reply \"a\\n\\x00\"" TOO_MANY("NUL", "nul")
     "f:6: reply: the reply \"a\\n\\x00\"" TOO_MANY("newline", "auto")
     "f:8: framing: the reply \"a\\n\\x00\"" TOO_MANY("newline", "line")},
    /* clang-format on */

    /* several errors, in the order of their lines; the last line has no newline */
    {"x\n[server]\nport = x\nfoo = 1\n[nothing]\nbar\n[log]\n\x01\nto = me",
     "f:1: text before the first [section]\n"
     "f:3: port: \"x\" is not a number from 0 to 65535\n"
     "f:4: unknown key \"foo\" in [server]\n"
     "f:5: unknown section [nothing]: server, listener NAME, journal, log, metrics and client are "
     "known\n"
     "f:8: a control character (0x01) in the line\n"
     "f:9: to: \"me\" is not one of stderr, syslog\n"},
};

static void assert_refused(const char *text, size_t size, const char *expected)
{
    struct buffer said = {0};
    struct config_report report = config_said(&said);
    struct config config;

    bool accepted = config_parse("f", text, size, &report, &config);
    if (strcmp(config_said_text(&said), expected) != 0)
        print_message("the file\n%s\n", text);
    assert_string_equal(config_said_text(&said), expected);
    assert_false(accepted);
    assert_null(config.server.host);
    assert_null(config.client.prompt);
    assert_null(config.listeners);
    buffer_free(&said);
}

static void test_bad_files(void **unused)
{
    (void)unused;
    assert_true(sizeof bad_files / sizeof bad_files[0] >= 60);
    for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++)
        assert_refused(bad_files[i].text, strlen(bad_files[i].text), bad_files[i].said);
}

static void test_nul(void **unused)
{
    static const char text[] = "[server]\nport = 1\0 ; hidden\nhost\0 = x\n";

    (void)unused;
    assert_refused(text, sizeof text - 1,
                   "f:2: a NUL (0x00) in the line\nf:3: a NUL (0x00) in the line\n");
}

static void assert_load_refused(const char *path, bool must_exist, const char *override,
                                const char *expected)
{
    const struct config_source source = {.path = path,
                                         .must_exist = must_exist,
                                         .overrides = &override,
                                         .overrides_count = override == NULL ? 0 : 1};
    struct buffer said = {0};
    struct config_report report = config_said(&said);
    struct config config;

    assert_false(config_load(&source, &report, &config));
    assert_string_equal(config_said_text(&said), expected);
    assert_null(config.server.host);
    buffer_free(&said);
}

static void test_files_that_cannot_be_read(void **unused)
{
    (void)unused;
    assert_load_refused("/", true, NULL, "/: cannot read the configuration: Is a directory\n");
    assert_load_refused("/", false, NULL, "/: cannot read the configuration: Is a directory\n");
    assert_load_refused(
        "/nonexistent/x", true, NULL,
        "/nonexistent/x: cannot read the configuration: No such file or directory\n");
    assert_load_refused("/dev/null/x", false, NULL,
                        "/dev/null/x: cannot read the configuration: Not a directory\n");
    assert_load_refused(
        "/dev/zero", true, NULL,
        "/dev/zero: cannot read the configuration: it is larger than a megabyte: that is "
        "not a configuration\n");
}

/* Overrides, and their errors after `-o OVERRIDE: `. */
static const struct bad bad_overrides[] = {
    {"", "not of the form section.key=value, such as server.port=8001"},
    {"port=1", "not of the form section.key=value, such as server.port=8001"},
    {"server.port", "not of the form section.key=value, such as server.port=8001"},
    {"client=host.name", "not of the form section.key=value, such as server.port=8001"},
    {"sever.port=1", "unknown section [sever] (did you mean \"server\"?)"},
    {"server.=1", "unknown key \"\" in [server]"},
    {"server.prot=1", "unknown key \"prot\" in [server] (did you mean \"port\"?)"},
    {"server.port=x", "port: \"x\" is not a number from 0 to 65535"},
    {"listener.port=1", "a listener's name has 1 to 32 letters, digits, \"-\" or \"_\": "
                        "[listener NAME]"},
    {"listener a.b.port=1", "a listener's name has 1 to 32 letters, digits, \"-\" or \"_\": "
                            "[listener NAME]"},
    {"listener a.group=x", "unknown key \"group\" in [listener a]: it belongs to [server]"},
    {"server.reply={x}",
     "reply: unknown placeholder {x}: {seq}, {bytes} and {time} are known, a brace "
     "is \"{{\""},
    {"client.prompt=a\" ; b", "no line of a file can hold this: it has a control character, or "
                              "more than 198 bytes, or a double quote before \" ;\" or \" #\""},
    {"server.reply=\"unclosed",
     "a value that begins with a double quote must end with one, before a "
     "comment"},
    {"server.host=a:80", "host: the port has a key of its own: write host = a and port = 80"},
    {"server.reply=a\\n",
     "reply: the reply \"a\\n\" contains a newline: with framing = auto a client "
     "would take it for more than one"},
};

static void test_bad_overrides(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof bad_overrides / sizeof bad_overrides[0]; i++) {
        char expected[512];
        (void)snprintf(expected, sizeof expected, "-o %s: %s\n", bad_overrides[i].text,
                       bad_overrides[i].said);
        assert_load_refused("/dev/null", true, bad_overrides[i].text, expected);
    }
}

static void test_override_no_file_can_hold(void **unused)
{
#define UNSAID                                                                                     \
    ": no line of a file can hold this: it has a control character, or more than 198 bytes, or a " \
    "double quote before \" ;\" or \" #\"\n"
    (void)unused;
    assert_load_refused("/dev/null", true, "client.prompt=\n", "-o client.prompt=\\x0a" UNSAID);
    /* The byte with which the reader hides a `;` in a file. */
    assert_load_refused("/dev/null", true, "client.prompt=\x01", "-o client.prompt=\\x01" UNSAID);
    assert_load_refused("/dev/null", true, "server.reply=" TWO_HUNDRED,
                        "-o server.reply=" FIFTY FIFTY FIFTY TEN TEN TEN "xxxxxxx..." UNSAID);
#undef UNSAID
}

/* A file with errors does not hide those of the overrides. */
static void test_file_and_override(void **unused)
{
    char path[] = "/tmp/test_config_errors.XXXXXX";
    char expected[256];
    int descriptor = mkstemp(path);

    (void)unused;
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "[server]\nport=x\n", 16), 16);
    (void)snprintf(expected, sizeof expected,
                   "%s:2: port: \"x\" is not a number from 0 to 65535\n"
                   "-o log.to=x: to: \"x\" is not one of stderr, syslog\n",
                   path);
    assert_load_refused(path, true, "log.to=x", expected);
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(unlink(path), 0);
}

/* If a valid file and an override contradict each other, the error names the override. */
static void test_override_makes_a_reply_unfit(void **unused)
{
    static const struct bad cases[] = {
        {"server.framing=line", "framing: the reply \"a\\n\"" TOO_MANY("newline", "line")},
        {"listener x.framing=auto", "framing: the reply \"a\\n\"" TOO_MANY("newline", "auto")},
        {"listener nul.reply=\\x00", "reply: the reply \"\\x00\"" TOO_MANY("NUL", "nul")},
    };
    static const char text[] =
        "[server]\nframing = octet\nreply = a\\n\n[listener nul]\nframing = nul\n";
    char path[] = "/tmp/test_config_errors.XXXXXX";
    char expected[512];
    int descriptor = mkstemp(path);

    (void)unused;
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, sizeof text - 1), sizeof text - 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(expected, sizeof expected, "-o %s: %s", cases[i].text, cases[i].said);
        assert_load_refused(path, true, cases[i].text, expected);
    }
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_bad_overrides),
        cmocka_unit_test(test_override_no_file_can_hold),
        cmocka_unit_test(test_file_and_override),
        cmocka_unit_test(test_override_makes_a_reply_unfit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
