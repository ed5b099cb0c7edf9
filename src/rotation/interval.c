/*
 * rotation/interval.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "rotation/interval.h"

/* The server's words about a bad interval would quote it: they go unsaid. */
Interval *
interval_read(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	int			style = IntervalStyle;
	Interval   *volatile interval = NULL;

	PG_TRY();
	{
		IntervalStyle = INTSTYLE_POSTGRES;	/* another one would read '-1 day 2 hours' otherwise */
		interval = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text),
														 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		IntervalStyle = style;
	}
	PG_CATCH();
	{
		IntervalStyle = style;
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return interval;
}
