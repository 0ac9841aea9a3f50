/*
 * Why: alerts depend on these names and values, and Prometheus drops a whole file for one bad line.
 * The tests check the exact text, let promtool check it if it is installed, and check that a reader
 * never finds a half written file.
 */
#include "server/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct metrics sample(void)
{
    struct metrics metrics = {
        .messages = 7,
        .message_bytes = 70,
        .received_bytes = 77,
        .replied_bytes = 700,
        .commits = 3,
        .journal_bytes = 300,
        .journal_errors = 1,
        .journal_failing = true,
        .sequence = 18446744073709551615U,
        .accepted = 12,
        .open = 5,
        .refused = {[METRICS_REFUSED_ADDRESS_LIMIT] = 2},
        .ended = {[METRICS_ENDED_BY_PEER] = 4, [METRICS_ENDED_STOP] = 1},
        .started_wall_us = 1790000000000042,
    };
    metrics_count_time(&metrics.syncs, 50);
    metrics_count_time(&metrics.syncs, 51);
    metrics_count_time(&metrics.syncs, 999);
    metrics_count_time(&metrics.syncs, 60000000);
    return metrics;
}

static char *formatted(const struct metrics *metrics)
{
    struct buffer out = {0};

    assert_true(metrics_format(metrics, &out));
    assert_true(buffer_append(&out, "", 1));
    return (char *)out.bytes;
}

static void assert_has_line(const char *text, const char *line)
{
    const char *found = strstr(text, line);

    while (found != NULL && ((found > text && found[-1] != '\n') || found[strlen(line)] != '\n'))
        found = strstr(found + 1, line);
    if (found == NULL)
        fail_msg("no line `%s` in:\n%s", line, text);
}

static void test_values(void **state)
{
    static const char *const lines[] = {
        "tcpackd_messages_total 7",
        "tcpackd_message_bytes_total 70",
        "tcpackd_received_bytes_total 77",
        "tcpackd_sent_bytes_total 700",
        "tcpackd_journal_commits_total 3",
        "tcpackd_journal_bytes_total 300",
        "tcpackd_journal_errors_total 1",
        "tcpackd_journal_sequence 18446744073709551615",
        "tcpackd_connections 5",
        "tcpackd_connections_accepted_total 12",
        "tcpackd_connections_refused_total{reason=\"access\"} 0",
        "tcpackd_connections_refused_total{reason=\"address_limit\"} 2",
        "tcpackd_connections_closed_total{reason=\"peer\"} 4",
        "tcpackd_connections_closed_total{reason=\"stop\"} 1",
        "tcpackd_start_time_seconds 1790000000.000042",
        "tcpackd_journal_failing 1",
        "tcpackd_journal_commit_seconds_count 0",
        "# TYPE tcpackd_messages_total counter",
        "# TYPE tcpackd_connections gauge",
    };
    struct metrics metrics = sample();
    char *text = formatted(&metrics);
    char build[128];

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_has_line(text, lines[i]);
    (void)snprintf(build, sizeof build, "tcpackd_build_info{version=\"%s\"} 1", PACKAGE_VERSION);
    assert_has_line(text, build);
    free(text);
}

static void test_sync_histogram(void **state)
{
    static const char *const lines[] = {
        "# TYPE tcpackd_journal_sync_seconds histogram",
        "tcpackd_journal_sync_seconds_bucket{le=\"5e-05\"} 1",
        "tcpackd_journal_sync_seconds_bucket{le=\"0.0001\"} 2",
        "tcpackd_journal_sync_seconds_bucket{le=\"0.0005\"} 2",
        "tcpackd_journal_sync_seconds_bucket{le=\"0.001\"} 3",
        "tcpackd_journal_sync_seconds_bucket{le=\"5\"} 3",
        "tcpackd_journal_sync_seconds_bucket{le=\"+Inf\"} 4",
        "tcpackd_journal_sync_seconds_sum 60.001100",
        "tcpackd_journal_sync_seconds_count 4",
    };
    struct metrics metrics = sample();
    char *text = formatted(&metrics);

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_has_line(text, lines[i]);
    free(text);
}

/* A listener keeps its figures when others are added; [listener server] is not told from [server].
 */
static void test_listeners(void **state)
{
    static const char *const lines[] = {
        "tcpackd_listener_messages_total{listener=\"server\"} 5",
        "tcpackd_listener_messages_total{listener=\"relp\"} 7",
        "tcpackd_listener_connections_accepted_total{listener=\"relp\"} 1",
    };
    struct metrics metrics = {0};

    (void)state;
    metrics_listener(&metrics, "")->messages = 2;
    metrics_listener(&metrics, "relp")->messages = 7;
    metrics_listener(&metrics, "server")->messages += 3;
    metrics_listener(&metrics, "relp")->accepted++;
    char *text = formatted(&metrics);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_has_line(text, lines[i]);
    free(text);
    metrics_free(&metrics);
}

static void test_promtool(void **state)
{
    struct metrics metrics = sample();
    char *text = formatted(&metrics);

    (void)state;
    if (system("command -v promtool >/dev/null") != 0) {
        print_message("promtool is not installed: its check is skipped\n");
        free(text);
        return;
    }
    FILE *promtool = popen("promtool check metrics 2>&1", "w");
    assert_non_null(promtool);
    assert_true(fputs(text, promtool) >= 0);
    assert_int_equal(pclose(promtool), 0);
    free(text);
}

static void test_summary(void **state)
{
    struct metrics metrics = sample();
    struct buffer out = {0};

    (void)state;
    assert_true(metrics_summarize(&metrics, &out));
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal(out.bytes,
                        "7 messages (70 bytes) in 3 commits, last record 18446744073709551615; "
                        "5 connections open, 12 accepted, 2 refused; 4 syncs of 15000275 us on "
                        "average; 1 journal errors");
    buffer_free(&out);
}

/* A temporary folder and the file of the figures in it; the test removes both. */
static char folder[] = "/tmp/tcpack-metrics-XXXXXX";
static char path[sizeof folder + sizeof "/tcpackd.prom"];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    return snprintf(path, sizeof path, "%s/tcpackd.prom", folder) < 0 ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    if (unlink(path) != 0 && errno != ENOENT)
        return -1;
    return rmdir(folder); /* fails if a temporary file is left */
}

static void assert_content(const char *expected)
{
    char content[64];
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    ssize_t size = read(fd, content, sizeof content);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(content, expected, strlen(expected));
    assert_int_equal(close(fd), 0);
}

static void test_file_is_replaced(void **state)
{
    unsigned char first[] = "first, and the longer one\n", second[] = "second\n";
    const struct buffer first_text = {first, sizeof first - 1, 0};
    const struct buffer second_text = {second, sizeof second - 1, 0};
    struct problem problem;
    struct stat before, after;

    (void)state;
    assert_true(metrics_write_file(path, &first_text, &problem));
    assert_content("first, and the longer one\n");
    int reader = open(path, O_RDONLY);
    assert_true(reader >= 0);
    assert_int_equal(fstat(reader, &before), 0);
    assert_true(metrics_write_file(path, &second_text, &problem));
    assert_content("second\n");
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino); /* replaced, not overwritten */
    assert_int_equal(fstat(reader, &after), 0);
    assert_int_equal(after.st_size,
                     first_text.size); /* a reader that has it open reads the old one */
    assert_int_equal(close(reader), 0);
}

static void test_file_errors(void **state)
{
    const struct buffer empty = {0};
    struct problem problem;

    (void)state;
    assert_false(metrics_write_file("/nonexistent/tcpackd.prom", &empty, &problem));
    assert_string_equal(problem.text, strerror(ENOENT));
    assert_false(metrics_write_file(folder, &empty, &problem));
    assert_string_equal(problem.text, "there is something other than a regular file");
}

/* A FIFO stands for a device: a configured /dev/null must not be replaced. */
static void test_only_a_regular_file_is_replaced(void **state)
{
    const struct buffer empty = {0};
    struct problem problem;
    struct stat status;

    (void)state;
    assert_true(unlink(path) == 0 || errno == ENOENT);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(metrics_write_file(path, &empty, &problem));
    assert_string_equal(problem.text, "there is something other than a regular file");
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_false(metrics_write_file(path, &empty, &problem));
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(unlink(path), 0);
}

static void test_all_users_can_read_it(void **state)
{
    const struct buffer empty = {0};
    struct problem problem;
    struct stat status;
    mode_t mask = umask(0077);

    (void)state;
    assert_true(metrics_write_file(path, &empty, &problem));
    (void)umask(mask);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_sync_histogram),
        cmocka_unit_test(test_listeners),
        cmocka_unit_test(test_promtool),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_file_is_replaced),
        cmocka_unit_test(test_file_errors),
        cmocka_unit_test(test_only_a_regular_file_is_replaced),
        cmocka_unit_test(test_all_users_can_read_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
