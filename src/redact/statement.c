/*
 * redact/statement.c
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/prepare.h"
#include "mb/pg_wchar.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"

#include "redact/statement.h"
#include "redact/values.h"
#include "redact/words.h"

/* What is longer is not shown in logs, nor kept for longer than it has to be. */
#define LONGEST_SHOWN	(1024 * 1024)
#define TOO_LONG		"/* a statement that takes secrets, too long to be shown */"

/* A text longer than this is judged once, and not for each statement in it. */
#define LONG_TEXT		(64 * 1024)

/*
 * The copy is not in a memory context: nothing that the server allocates for the
 * next statement can come to lie where this one was, and be taken for it.
 */
static char *copy = NULL;
static Size copy_size = 0;

/* What we know of the statement whose text lies there, since this time. */
static struct
{
	const char *text;
	TimestampTz since;
	Size		len;
	MaskJudgement judgement;
	bool		is_told_all;	/* it was asked what it executes, too */
	bool		is_understood;
	bool		is_masked;		/* the copy is not as the text is */
	bool		is_reported;	/* so that others see the copy */
}			known;

static bool
is_shown(void)
{
	return debug_query_string && (debug_query_string == copy || debug_query_string == (const char *) TOO_LONG);
}

static bool
is_known(const char *text)
{
	return text == known.text && known.since == GetCurrentStatementStartTimestamp();
}

bool
statement_is(const char *text)
{
	return debug_query_string && (text == debug_query_string || (is_shown() && is_known(text)));
}

/* ---- what it brings ---- */

/* EXECUTE p('...') names nothing that says what p does; nor can be told what does not exist. */
static bool
executes_secretly(const char *text, Size len)
{
	char		name[NAMEDATALEN];
	size_t		after = 0;

	while (after < len)
	{
		PreparedStatement *prepared;

		if (!mask_find_execute(text, len, &after, name))
			continue;
		prepared = FetchPreparedStatement(name, false);
		if (prepared == NULL
			|| words_judge(prepared->plansource->query_string, strlen(prepared->plansource->query_string)) == MASK_ALL)
			return true;
	}
	return false;
}

static MaskJudgement
judge(const char *text)
{
	Size		len;

	if (!words_count())
		return MASK_NOTHING;
	if (known.len > LONG_TEXT && is_known(text))
		return known.judgement;
	if (copy_size > LONGEST_SHOWN)
	{
		free(copy);
		copy = NULL;
		copy_size = 0;
	}
	len = strlen(text);
	known.text = text;
	known.since = GetCurrentStatementStartTimestamp();
	known.len = len;
	known.judgement = words_judge(text, len);
	known.is_told_all = false;
	known.is_understood = false;
	return known.judgement;
}

/* For lines that come before it is analysed; there, its parse tree says what it executes. */
static void
judge_for_line(const char *text)
{
	if (judge(text) == MASK_ALL || known.is_told_all || !words_count())
		return;
	known.is_told_all = true;
	if (strcasestr(text, "execute") && executes_secretly(text, known.len))
		known.judgement = MASK_ALL;
}

/* ---- hiding it ---- */

/* The text as it was covered the last time, and where that has still to be done. */
static struct
{
	char	   *copy;
	Size		size;
	const char *text;
	TimestampTz since;
	uint64		nvalues;
	bool		differs;
}			covered;

static bool
has_room(Size size)
{
	if (size <= copy_size)
		return true;
	free(copy);
	copy = malloc(size);
	copy_size = copy ? size : 0;
	return copy != NULL;
}

static const char *
presentable(void)
{
	return copy && known.len <= LONGEST_SHOWN ? copy : TOO_LONG;
}

/* Without memory for it the text counts as masked, and nothing of it is shown. */
static void
show(const char *text, MaskJudgement judgement)
{
	known.is_masked = true;
	known.is_reported = false;
	covered.text = NULL;
	if (has_room(known.len + 1))
	{
		memcpy(copy, text, known.len + 1);
		known.is_masked = words_mask(copy, known.len, judgement);
	}
	debug_query_string = presentable();
}

MaskJudgement
statement_hide(void)
{
	const char *text = debug_query_string;

	if (text == NULL)
		return MASK_NOTHING;
	if (!is_shown())
	{
		if (judge(text) == MASK_NOTHING)
			return MASK_NOTHING;
		show(text, known.judgement);
	}
	return known.judgement;
}

static void
mask_shown(MaskJudgement judgement)
{
	if (copy == NULL || !words_mask(copy, known.len, judgement))
		return;
	known.is_masked = true;
	known.is_reported = false;
	covered.text = NULL;
}

MaskJudgement
statement_hide_for_line(bool may_be_misread)
{
	const char *text = debug_query_string;

	if (text && !is_shown())
	{
		judge_for_line(text);
		if (words_count() && known.judgement != MASK_NOTHING)
			show(text, known.judgement);
	}
	if (may_be_misread && is_shown() && known.judgement == MASK_ALL)
		mask_shown(MASK_UNQUOTED);
	return text && words_count() ? known.judgement : MASK_NOTHING;
}

void
statement_hide_all(void)
{
	if (debug_query_string == NULL || statement_hide() == MASK_ALL)
		return;
	known.judgement = MASK_ALL;
	if (!is_shown())
		show(debug_query_string, MASK_ALL);
	else
		mask_shown(MASK_ALL);
	known.is_reported = false;
}

void
statement_understood(void)
{
	known.is_understood = true;
}

bool
statement_is_understood(void)
{
	return debug_query_string && is_known(known.text) && known.is_understood;
}

static TimestampTz ran_secret = 0;

void
statement_runs_secret(void)
{
	ran_secret = GetCurrentStatementStartTimestamp();
}

bool
statement_has_run_secret(void)
{
	return ran_secret != 0 && ran_secret == GetCurrentStatementStartTimestamp();
}

bool
statement_is_masked(void)
{
	return is_shown() && known.is_masked;
}

const char *
statement_masked(void)
{
	return copy;
}

static bool
is_covered(const char *text)
{
	return covered.text == text && covered.since == GetCurrentStatementStartTimestamp() && covered.nvalues == values_counted();
}

static bool
cover(const char *text)
{
	Size		size = strlen(text) + 1;

	if (size > covered.size)
	{
		free(covered.copy);
		covered.copy = malloc(size);
		covered.size = covered.copy ? size : 0;
		if (covered.copy == NULL)
			return false;
	}
	memcpy(covered.copy, text, size);
	values_cover_sql(covered.copy, size - 1);
	covered.differs = memcmp(covered.copy, text, size) != 0;
	covered.text = text;
	covered.since = GetCurrentStatementStartTimestamp();
	covered.nvalues = values_counted();
	return true;
}

bool
statement_cover_values(const char **text)
{
	*text = NULL;
	if (debug_query_string == NULL || !values_any())
		return true;
	if (strnlen(debug_query_string, LONGEST_SHOWN + 1) > LONGEST_SHOWN)
		return false;
	if (!is_covered(debug_query_string) && !cover(debug_query_string))
		return false;
	*text = covered.differs ? covered.copy : NULL;
	return true;
}

MaskParams
statement_params(void)
{
	const char *text = debug_query_string ? debug_query_string : "";

	return words_find_params(text, strlen(text));
}

Size
statement_length(void)
{
	if (debug_query_string == NULL)
		return 0;
	return is_shown() ? known.len : strlen(debug_query_string);
}

/* ---- what other sessions see ---- */

static MaskJudgement
when_failed(MaskJudgement judgement)
{
	return judgement == MASK_ALL ? MASK_UNQUOTED : judgement;
}

static void
report(const char *text)
{
	if (known.is_reported || MyBEEntry == NULL || MyBEEntry->st_state != STATE_RUNNING)
		return;
	pgstat_report_activity(STATE_RUNNING, text);
	known.is_reported = true;
}

void
statement_report(void)
{
	report(debug_query_string);
}

/* Of a long text only the beginning is left: then nothing of it is shown. */
static void
report_unjudged(void)
{
	Size		size = (Size) pgstat_track_activity_query_size;
	char	   *text = palloc_extended(size, MCXT_ALLOC_NO_OOM);
	Size		len;

	if (text == NULL)
	{
		pgstat_report_activity(STATE_RUNNING, "");
		return;
	}
	strlcpy(text, MyBEEntry->st_activity_raw, size);
	len = strlen(text);
	if (len + MAX_MULTIBYTE_CHAR_LEN >= size)
		pgstat_report_activity(STATE_RUNNING, "");
	else if (words_mask(text, len, when_failed(words_judge(text, len))))
		pgstat_report_activity(STATE_RUNNING, text);
	explicit_bzero(text, len);
	pfree(text);
}

/* Who was refused without a line in the log may not have been judged; and by now the server has forgotten its text. */
void
statement_report_failed(void)
{
	bool		was_judged = known.text && known.since == GetCurrentStatementStartTimestamp();

	if (MyBEEntry == NULL || MyBEEntry->st_state != STATE_RUNNING)
		return;
	if (!was_judged)
		report_unjudged();
	else if (known.judgement == MASK_ALL)
	{
		mask_shown(MASK_UNQUOTED);
		report(presentable());
	}
}
