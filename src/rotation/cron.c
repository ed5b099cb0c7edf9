/*
 * rotation/cron.c
 */
#include "rotation/cron.h"
#include "rotation/calendar.h"

#include <string.h>

#define TOO_MANY 100			/* above whatever a field can hold */

typedef struct Field
{
	int			least;
	int			most;
	int			largest_step;
	const char *names;			/* of least, least + 1 and so on, three letters each */
} Field;

enum
{
	MINUTE, HOUR, DAY, MONTH, WEEKDAY, NFIELDS
};

static const Field fields[NFIELDS] = {
	[MINUTE] = {0, 59, 60, ""},
	[HOUR] = {0, 23, 24, ""},
	[DAY] = {1, 31, 31, ""},
	[MONTH] = {1, 12, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	[WEEKDAY] = {0, 7, 7, "sunmontuewedthufrisat"},
};

static const struct
{
	const char *word;
	const char *fields;
}			words[] = {
	{"@hourly", "0 * * * *"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@weekly", "0 0 * * 0"},
	{"@monthly", "0 0 1 * *"},
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
};

/* What is left to read. */
typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

static char
peek(const Reader *reader)
{
	return reader->at < reader->end ? *reader->at : '\0';
}

static bool
take(Reader *reader, char c)
{
	if (c == '\0' || peek(reader) != c)
		return false;
	reader->at++;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool
same_letters(const char *text, const char *lower, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (to_lower(text[i]) != lower[i])
			return false;
	return true;
}

static bool
read_number(Reader *reader, int *number)
{
	if (!is_digit(peek(reader)))
		return false;
	for (*number = 0; is_digit(peek(reader)); reader->at++)
	{
		*number = *number * 10 + (*reader->at - '0');
		if (*number > TOO_MANY)
			*number = TOO_MANY;
	}
	return true;
}

static bool
read_name(Reader *reader, const Field *field, int *number)
{
	for (int i = 0; field->names[3 * i] != '\0'; i++)
		if (reader->end - reader->at >= 3 && same_letters(reader->at, field->names + 3 * i, 3))
		{
			reader->at += 3;
			*number = field->least + i;
			return true;
		}
	return false;
}

static bool
read_value(Reader *reader, const Field *field, int *value)
{
	return (read_number(reader, value) || read_name(reader, field, value))
		&& *value >= field->least && *value <= field->most;
}

/* From here on the last of the range, which may be called sun. */
static bool
read_last(Reader *reader, const Field *field, int first, int *last)
{
	bool		is_name = !is_digit(peek(reader));

	if (!read_value(reader, field, last))
		return false;
	if (is_name && *last == 0 && first > 0)
		*last = 7;
	return first <= *last;
}

/* A step beyond the field means something else than it does: every 90 minutes is not hourly. */
static bool
read_step(Reader *reader, const Field *field, int *step)
{
	return read_number(reader, step) && *step > 0 && *step <= field->largest_step;
}

static bool
read_range(Reader *reader, const Field *field, uint64_t *bits)
{
	int			first = field->least;
	int			last = field->most;
	int			step = 1;
	bool		is_range = true;

	if (!take(reader, '*'))
	{
		if (!read_value(reader, field, &first))
			return false;
		last = first;
		is_range = take(reader, '-');
		if (is_range && !read_last(reader, field, first, &last))
			return false;
	}
	if (is_range && take(reader, '/') && !read_step(reader, field, &step))
		return false;
	for (int i = first; i <= last; i += step)
		*bits |= UINT64_C(1) << i;
	return true;
}

static void
skip_blanks(Reader *reader)
{
	while (is_blank(peek(reader)))
		reader->at++;
}

static bool
read_field(Reader *reader, const Field *field, uint64_t *bits, bool *begins_with_star)
{
	skip_blanks(reader);
	*begins_with_star = peek(reader) == '*';
	*bits = 0;
	do
	{
		if (!read_range(reader, field, bits))
			return false;
	} while (take(reader, ','));
	return reader->at == reader->end || is_blank(*reader->at);
}

/* The fields that a word stands for. */
static Reader
without_words(Reader reader)
{
	size_t		len = (size_t) (reader.end - reader.at);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == len && same_letters(reader.at, words[i].word, len))
			return (Reader) {words[i].fields, words[i].fields + strlen(words[i].fields)};
	return reader;
}

/*
 * Any day of the year is now and then any day of the week, the leap day too: so
 * there must be a day of the week, which is certain, or a date.
 */
static bool
has_a_day(const Cron *cron)
{
	if (cron->either_day)
		return true;
	for (int month = 1; month <= 12; month++)
		for (int day = 1; day <= calendar_month_length(2000, month); day++)
			if ((cron->months >> month & 1) && (cron->days >> day & 1))
				return true;
	return false;
}

CronResult
cron_parse(const char *text, size_t len, Cron *cron)
{
	Reader		reader = {text, text + len};
	uint64_t	bits[NFIELDS];
	bool		star[NFIELDS];

	skip_blanks(&reader);
	while (reader.end > reader.at && is_blank(reader.end[-1]))
		reader.end--;
	reader = without_words(reader);
	for (int i = 0; i < NFIELDS; i++)
		if (!read_field(&reader, &fields[i], &bits[i], &star[i]))
			return CRON_INVALID;
	if (reader.at != reader.end)
		return CRON_INVALID;
	cron->minutes = bits[MINUTE];
	cron->hours = (uint32_t) bits[HOUR];
	cron->days = (uint32_t) bits[DAY];
	cron->months = (uint32_t) bits[MONTH];
	cron->weekdays = (uint32_t) ((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f);
	cron->either_day = !star[DAY] && !star[WEEKDAY];
	return has_a_day(cron) ? CRON_OK : CRON_NEVER;
}

/* The first bit from that one on; -1: none. */
static int
next_bit(uint64_t bits, int from)
{
	bits &= UINT64_MAX << from;
	return bits != 0 ? __builtin_ctzll(bits) : -1;
}

/* The first minute of a day that matches, from that one on; -1: none. */
static int
next_minute(const Cron *cron, int from)
{
	int			hour = from / 60;
	int			minute = cron->hours >> hour & 1 ? next_bit(cron->minutes, from % 60) : -1;

	if (minute < 0)
	{
		hour = next_bit(cron->hours, hour + 1);
		minute = next_bit(cron->minutes, 0);
	}
	return hour < 0 ? -1 : hour * 60 + minute;
}

/* The days of a month that match, as bits 1 to 31. */
static uint32_t
days_of(const Cron *cron, int64_t year, int month)
{
	int			first = calendar_weekday(calendar_to_day((CalendarDate) {year, month, 1}));
	uint64_t	weeks = 0;
	uint32_t	exist = (uint32_t) (UINT64_C(2) << calendar_month_length(year, month)) - 2;
	uint32_t	by_weekday;

	for (int week = 0; week < 6; week++)
		weeks |= (uint64_t) cron->weekdays << 7 * week;
	by_weekday = (uint32_t) (weeks >> first) << 1;
	return exist & (cron->either_day ? cron->days | by_weekday : cron->days & by_weekday);
}

/* The first day that matches, from that one on. */
static int64_t
next_day(const Cron *cron, int64_t from)
{
	CalendarDate date = calendar_from_day(from);

	for (;;)
	{
		int			day = cron->months >> date.month & 1 ? next_bit(days_of(cron, date.year, date.month), date.day) : -1;

		if (day > 0)
			return calendar_to_day((CalendarDate) {date.year, date.month, day});
		date = (CalendarDate) {date.year + date.month / 12, date.month % 12 + 1, 1};
	}
}

int64_t
cron_next_local(const Cron *cron, int64_t local)
{
	int			second;
	int64_t		today = calendar_split(local, &second);
	int			minute = next_minute(cron, second / 60 + 1);
	int64_t		day = next_day(cron, minute < 0 ? today + 1 : today);

	if (day > today)
		minute = next_minute(cron, 0);
	return day * CALENDAR_SECONDS_A_DAY + minute * 60;
}

int64_t
cron_next(const Cron *cron, const Wall *wall, int64_t after)
{
	return wall_reaches(wall, after, cron_next_local(cron, wall_latest(wall, after)));
}
