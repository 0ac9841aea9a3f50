/*
 * Anything can stand in a file that is taken for tcpack.ini. Whatever it is: each report is one
 * line that names the file and a line of it, in their order; a file is refused exactly when
 * something was reported; and what is accepted prints, reads back and prints the same again. As a
 * value, its first line is read as it was written, or cannot be written.
 */
#include "common/buffer.h"
#include "common/config/config.h"
#include "common/config/reader.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct reports {
    unsigned long last_line;
    size_t count;
    size_t lines_in_file;
};

static void take_report(void *context, const char *line)
{
    struct reports *reports = context;
    char *end;

    require(strncmp(line, "f:", 2) == 0 && line[2] >= '1' && line[2] <= '9');
    unsigned long number = strtoul(line + 2, &end, 10);
    require(strncmp(end, ": ", 2) == 0 && end[2] != '\0');
    require(number >= reports->last_line && number <= reports->lines_in_file);
    for (; *end != '\0'; end++)
        require((unsigned char)*end >= 0x20 && *end != 0x7f);
    reports->last_line = number;
    reports->count++;
}

static bool parse(const void *text, size_t size, struct config *config)
{
    struct reports reports = {.lines_in_file = 1};
    struct config_report report = {take_report, &reports};

    for (size_t i = 0; i < size; i++)
        reports.lines_in_file += ((const char *)text)[i] == '\n';
    bool accepted = config_parse("f", text, size, &report, config);
    require(accepted == (reports.count == 0));
    return accepted;
}

static char *print(const struct config *config, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);

    require(out != NULL && config_print(config, out) && fclose(out) == 0);
    return text;
}

static void check_file(const uint8_t *bytes, size_t size)
{
    struct config config;
    struct config again;
    size_t first_size;
    size_t second_size;

    if (!parse(bytes, size, &config))
        return;
    char *first = print(&config, &first_size);
    require(parse(first, first_size, &again));
    char *second = print(&again, &second_size);
    require(first_size == second_size && memcmp(first, second, first_size) == 0);
    free(first);
    free(second);
    config_free(&config);
    config_free(&again);
}

static void check_value(const uint8_t *bytes, size_t size)
{
    char value[CONFIG_LINE_MAX + 1] = "";
    char line[CONFIG_LINE_MAX + 1];
    char text[CONFIG_LINE_MAX + 16];
    struct config config;

    memcpy(value, bytes, size < CONFIG_LINE_MAX ? size : CONFIG_LINE_MAX);
    value[strcspn(value, "\n")] = '\0';
    if (!config_reader_write("prompt", value, line))
        return;
    int text_size = snprintf(text, sizeof text, "[client]\n%s", line);
    require(parse(text, (size_t)text_size, &config));
    require(strcmp(config.client.prompt, value) == 0);
    config_free(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    check_file(bytes, size);
    if (size > 0)
        check_value(bytes, size);
    return 0;
}
