/*
 * redact/hooks.c
 *
 * Once a statement has been analysed nobody needs its text any more, but to show
 * it: then it is masked for all who do.  Masked texts have the length of what they
 * stand for, since positions of the parse tree index them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "nodes/memnodes.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "redact/hooks.h"
#include "redact/literals.h"
#include "redact/statement.h"
#include "redact/words.h"

/* Within functions, of a text longer than this only the statement at hand is looked at: it may be one of very many. */
#define LONG_TEXT (64 * 1024)

static post_parse_analyze_hook_type next_analyze = NULL;
static ProcessUtility_hook_type next_utility = NULL;
static ExecutorStart_hook_type next_start = NULL;

/* ---- which, and what of it ---- */

static MaskJudgement
judge_part(const char *text, int location, int length)
{
	Size		len = strnlen(text, LONG_TEXT + 1);

	if (len <= LONG_TEXT)
		return words_judge(text, len);
	text += Max(location, 0);
	return words_judge(text, length > 0 ? (Size) length : strlen(text));
}

/* NULL: there is nothing to mask in it. */
static char *
mask_copy(const char *text, MaskJudgement judgement)
{
	Size		len = strlen(text);
	char	   *masked = MemoryContextAllocHuge(CurrentMemoryContext, len + 1);

	memcpy(masked, text, len + 1);
	if (words_mask(masked, len, judgement))
		return masked;
	pfree(masked);
	return NULL;
}

/*
 * A statement that comes by a message of its own to be prepared has been copied
 * already, into a plan that keeps it for as long as the statement is prepared,
 * and shows it in views, in logs, and where memory runs out.  That plan lies in
 * the current memory context, and its text is memory of its own.
 */
static void
mask_plans(const char *text, const char *masked)
{
	for (MemoryContext child = CurrentMemoryContext->firstchild; child; child = child->nextchild)
		if (strcmp(child->name, "CachedPlanSource") == 0 && child->ident && strcmp(child->ident, text) == 0)
			memcpy(unconstify(char *, child->ident), masked, strlen(masked));
}

/* ---- analysis ---- */

static void
analyze_next(ParseState *pstate, Query *query, JumbleState *jstate)
{
	if (next_analyze)
		next_analyze(pstate, query, jstate);
}

/* Who comes next sees the masked text, and no number by which statistics would keep it. */
static void
analyze_masked(ParseState *pstate, Query *query, JumbleState *jstate, char *masked)
{
	const char *text = pstate->p_sourcetext;

	mask_plans(text, masked);
	query->queryId = 0;
	pstate->p_sourcetext = masked;
	analyze_next(pstate, query, jstate);
	pstate->p_sourcetext = text;
	query->queryId = 0;
	pfree(masked);
}

static MaskJudgement
judge_query(const char *text, Query *query)
{
	bool		is_clients = statement_is(text);
	MaskJudgement judgement = is_clients ? statement_hide() : judge_part(text, query->stmt_location, query->stmt_len);

	if (judgement == MASK_ALL || !literals_executes(query->utilityStmt))
		return judgement;
	if (is_clients)
		statement_hide_all();
	return MASK_ALL;
}

static void
redact_query(ParseState *pstate, Query *query, JumbleState *jstate)
{
	const char *text = pstate->p_sourcetext;
	MaskJudgement judgement = judge_query(text, query);
	char	   *masked = NULL;

	if (judgement != MASK_NOTHING)
	{
		if (statement_is(text))
			statement_report();
		masked = mask_copy(text, judgement);
	}
	if (masked)
		analyze_masked(pstate, query, jstate, masked);
	else
		analyze_next(pstate, query, jstate);
	if (judgement == MASK_ALL)
		literals_look(query);
}

static void
on_analyze(ParseState *pstate, Query *query, JumbleState *jstate)
{
	const char *text = pstate->p_sourcetext;

	if (text && words_count() && !creating_extension)
		redact_query(pstate, query, jstate);
	else
	{
		analyze_next(pstate, query, jstate);
		if (text && !creating_extension && words_are_in(text, strlen(text)))
			literals_look(query);
	}
}

/* ---- utility statements ---- */

/* What they and other extensions keep of it: views, prepared statements, cursors, statistics. */
static const char *
presentable(PlannedStmt *statement, const char *text)
{
	MaskJudgement judgement;
	char	   *masked;

	if (text == NULL || !words_count() || creating_extension)
		return text;
	judgement = statement_is(text) ? statement_hide() : judge_part(text, statement->stmt_location, statement->stmt_len);
	if (judgement == MASK_NOTHING)
		return text;
	masked = mask_copy(text, judgement);
	return masked ? masked : text;
}

static void
on_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context,
		   ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	ProcessUtility_hook_type run = next_utility ? next_utility : standard_ProcessUtility;

	run(statement, presentable(statement, text), read_only_tree, context, params, environment, dest, completion);
}

/* ---- execution ---- */

/*
 * For who shows what runs: other extensions, and parallel workers, which a
 * statement that stands beside one of ours in the same message may have.
 */
static void
on_start(QueryDesc *query, int flags)
{
	if (statement_is(query->sourceText) && query->sourceText != debug_query_string)
		query->sourceText = pstrdup(debug_query_string);
	if (next_start)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
}

/* ---- failure ---- */

/* What does not parse is never analysed, and stays in sight of others until the next statement. */
static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT && words_count())
		statement_report_failed();
}

void
hooks_init(void)
{
	next_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = on_analyze;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = on_start;
	RegisterXactCallback(on_transaction_end, NULL);
}
