/*
 * trail/report.c
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "trail/report.h"

static char *format_problem(const char *format, va_list args) pg_attribute_printf(1, 0);

static char *format_problem(const char *format, va_list args) pg_attribute_printf(1, 0);

static char *
format_problem(const char *format, va_list args)
{
	StringInfoData text;
	int			needed;
	va_list		again;

	initStringInfo(&text);
	for (;;)
	{
		va_copy(again, args);
		needed = appendStringInfoVA(&text, format, again);
		va_end(again);
		if (needed == 0)
			break;
		enlargeStringInfo(&text, needed);
	}
	return text.data;
}

void
report_problem(const Report *report, const char *kind, TimestampTz at, int64 event_id, const char *format,...)
{
	Datum		values[VERIFY_COLUMNS];
	bool		nulls[VERIFY_COLUMNS] = {false};
	char	   *text;
	va_list		args;

	va_start(args, format);
	text = format_problem(format, args);
	va_end(args);
	values[0] = CStringGetTextDatum(kind);
	values[1] = TimestampTzGetDatum(at);
	nulls[1] = at == NO_TIME;
	values[2] = Int64GetDatum(event_id);
	nulls[2] = event_id == NO_EVENT;
	values[3] = CStringGetTextDatum(text);
	report->emit(values, nulls, report->arg);
	pfree(DatumGetPointer(values[0]));
	pfree(DatumGetPointer(values[3]));
	pfree(text);
}

char *
count_lines(int64 n)
{
	return psprintf(n == 1 ? INT64_FORMAT " line" : INT64_FORMAT " lines", n);
}
