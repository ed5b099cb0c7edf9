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
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "redact/given.h"
#include "redact/hooks.h"
#include "redact/literals.h"
#include "redact/statement.h"
#include "redact/words.h"

/* Within functions, of a text longer than this only the statement at hand is looked at: it may be one of very many. */
#define LONG_TEXT (64 * 1024)

static post_parse_analyze_hook_type next_analyze = NULL;
static ProcessUtility_hook_type next_utility = NULL;
static planner_hook_type next_planner = NULL;
static ExecutorStart_hook_type next_start = NULL;
static ExecutorRun_hook_type next_run = NULL;

/* The text within a function that was masked last: it is planned and run under this very text, if it was made for one time. */
static const char *masked_within = NULL;

/* A session that has never named a secret, or a password, is not asked about at every start. */
static bool has_named = false;
static bool has_masked = false;

/* ---- which, and what of it ---- */

static const char *
find_part(const char *text, int location, int length, Size *len)
{
	*len = strnlen(text, LONG_TEXT + 1);
	if (*len <= LONG_TEXT)
		return text;
	text += Max(location, 0);
	*len = length > 0 ? (Size) length : strlen(text);
	return text;
}

static MaskJudgement
judge_part(const char *text, int location, int length)
{
	Size		len;
	const char *part = find_part(text, location, length, &len);

	return words_judge(part, len);
}

/*
 * The long text within a function that was masked last, with what it is masked:
 * its statements come by one after the other, each with the whole text.
 */
static struct
{
	char	   *text;
	char	   *masked;
	Size		len;
	MaskJudgement judgement;
	bool		differs;
}			last;

static void
forget_last(void)
{
	if (last.text == NULL)
		return;
	explicit_bzero(last.text, last.len);
	free(last.text);
	free(last.masked);
	memset(&last, 0, sizeof(last));
}

static bool
is_last(const char *text, Size len, MaskJudgement judgement)
{
	return last.text && last.len == len && last.judgement == judgement && memcmp(last.text, text, len) == 0;
}

static void
keep_last(const char *text, const char *masked, Size len, MaskJudgement judgement, bool differs)
{
	forget_last();
	last.text = malloc(len);
	last.masked = malloc(len);
	if (last.text == NULL || last.masked == NULL)
	{
		free(last.text);
		free(last.masked);
		memset(&last, 0, sizeof(last));
		return;
	}
	memcpy(last.text, text, len);
	memcpy(last.masked, masked, len);
	last.len = len;
	last.judgement = judgement;
	last.differs = differs;
}

/* NULL: there is nothing to mask in it. */
static const char *
mask_copy(const char *text, MaskJudgement judgement)
{
	Size		len = strlen(text);
	bool		is_kept = len > LONG_TEXT && is_last(text, len, judgement);
	char	   *masked;
	bool		differs;

	if (is_kept && !last.differs)
		return NULL;
	masked = MemoryContextAllocHuge(CurrentMemoryContext, len + 1);
	memcpy(masked, is_kept ? last.masked : text, len);
	masked[len] = '\0';
	differs = is_kept || words_mask(masked, len, judgement);
	if (len > LONG_TEXT && !is_kept)
		keep_last(text, masked, len, judgement, differs);
	if (differs)
		return masked;
	pfree(masked);
	return NULL;
}

/* The same; what the client sent may be one text with very many statements, and is masked once. */
static const char *
find_masked(const char *text, MaskJudgement judgement)
{
	if (!statement_is(text))
		return mask_copy(text, judgement);
	if (!statement_is_masked())
		return NULL;
	return statement_masked() ? statement_masked() : mask_copy(text, judgement);
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
analyze_masked(ParseState *pstate, Query *query, JumbleState *jstate, const char *masked)
{
	const char *text = pstate->p_sourcetext;

	mask_plans(text, masked);
	if (!statement_is(text))
		masked_within = text;
	query->queryId = 0;
	pstate->p_sourcetext = masked;
	analyze_next(pstate, query, jstate);
	pstate->p_sourcetext = text;
	query->queryId = 0;
}

static MaskJudgement
judge_query(const char *text, Query *query, bool is_clients)
{
	MaskJudgement judgement = is_clients ? statement_hide() : judge_part(text, query->stmt_location, query->stmt_len);

	if (judgement == MASK_ALL || query->utilityStmt == NULL || !literals_executes(query->utilityStmt))
		return judgement;
	/* Also where a function does it: what the client sent may have it in a literal. */
	statement_hide_all();
	return MASK_ALL;
}

/* Once, whatever the number of statements in it. */
static void
remember_literals(const char *text, const char *masked)
{
	static TimestampTz remembered = 0;

	if (remembered != GetCurrentStatementStartTimestamp())
		given_remember_literals(text, masked);
	remembered = GetCurrentStatementStartTimestamp();
}

static void
redact_query(ParseState *pstate, Query *query, JumbleState *jstate)
{
	const char *text = pstate->p_sourcetext;
	bool		is_clients = statement_is(text);
	MaskJudgement judgement = judge_query(text, query, is_clients);
	const char *masked;

	if (judgement == MASK_NOTHING)
	{
		analyze_next(pstate, query, jstate);
		return;
	}
	has_masked = true;
	has_named |= judgement == MASK_ALL;
	if (is_clients && query->commandType != CMD_UTILITY)
		statement_understood();
	masked = find_masked(text, judgement);
	if (masked && is_clients)
		statement_report();
	if (masked && is_clients && judgement == MASK_ALL)
		remember_literals(text, masked);
	if (masked)
		analyze_masked(pstate, query, jstate, masked);
	else
		analyze_next(pstate, query, jstate);
	if (judgement == MASK_ALL)
		literals_look(query);
}

/* Where nothing is masked, literals are told of all the same. */
static void
look_for_literals(const char *text, Query *query)
{
	Size		len;
	const char *part = find_part(text, query->stmt_location, query->stmt_len, &len);

	if (words_are_in(part, len))
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
		if (text && !creating_extension)
			look_for_literals(text, query);
	}
}

/* ---- utility statements ---- */

/*
 * What they and other extensions keep of it: views, prepared statements, cursors,
 * statistics.  Values that have passed are no matter here: whoever may look at his own
 * would find a value that is not for him by trying which words are covered.
 */
static const char *
presentable(PlannedStmt *statement, const char *text)
{
	MaskJudgement judgement;
	const char *masked;

	if (text == NULL || !words_count() || creating_extension)
		return text;
	judgement = statement_is(text) ? statement_hide() : judge_part(text, statement->stmt_location, statement->stmt_len);
	if (judgement != MASK_ALL && literals_executes(statement->utilityStmt))
		judgement = MASK_ALL;
	masked = judgement == MASK_NOTHING ? NULL : find_masked(text, judgement);
	return masked ? masked : text;
}

static void
on_utility(PlannedStmt *statement, const char *text, bool read_only_tree, ProcessUtilityContext context,
		   ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	ProcessUtility_hook_type run = next_utility ? next_utility : standard_ProcessUtility;

	if (has_named && text && params && words_judge(text, strlen(text)) == MASK_ALL)
		given_remember_params(text, params);
	run(statement, presentable(statement, text), read_only_tree, context, params, environment, dest, completion);
}

/* ---- planning and execution ---- */

static PlannedStmt *
plan_next(Query *query, const char *text, int options, ParamListInfo params)
{
	return (next_planner ? next_planner : standard_planner) (query, text, options, params);
}

/* For other extensions that look on; nobody keeps it for longer than the plan takes. */
static pg_noinline PlannedStmt *
plan_shown(Query *query, const char *text, int options, ParamListInfo params)
{
	const char *masked = NULL;
	bool		is_within = text == masked_within && !statement_is(text);
	PlannedStmt *plan;

	if (words_count())
	{
		if (statement_is_masked() && statement_is(text))
			masked = statement_masked();
		else if (is_within)
			masked = mask_copy(text, judge_part(text, query->stmt_location, query->stmt_len));
	}
	plan = plan_next(query, masked ? masked : text, options, params);
	if (is_within)
		masked_within = text;	/* planning may have run others */
	return plan;
}

static PlannedStmt *
on_plan(Query *query, const char *text, int options, ParamListInfo params)
{
	return has_masked && text ? plan_shown(query, text, options, params) : plan_next(query, text, options, params);
}

/*
 * What came by a message that is its own text is through when the message is, and
 * so may have the masked one.  Parallel workers show it too, of a statement that
 * stands beside one of ours.  What was prepared has been masked in its plan.
 */
static bool
is_of_message(const QueryDesc *query)
{
	return ActivePortal && ActivePortal->cplan == NULL && ActivePortal->sourceText == query->sourceText
		&& statement_is(query->sourceText);
}

/* The last queries that bring a secret, by their texts: cursors may be run by later statements, which say nothing of it. */
#define MOST_NOTED 16

static const char *noted[MOST_NOTED];

static void
note_secret(const QueryDesc *query)
{
	static int	next = 0;

	noted[next++ % MOST_NOTED] = query->sourceText;
	statement_runs_secret();
	given_remember_params(query->sourceText, query->params);
}

static bool
is_noted(const char *text)
{
	for (int i = 0; i < MOST_NOTED; i++)
		if (noted[i] == text)
			return true;
	return false;
}

static MaskJudgement
judge_run(const QueryDesc *query)
{
	if (query->sourceText == NULL)
		return MASK_NOTHING;
	if (is_of_message(query))
		return statement_hide();
	return judge_part(query->sourceText, query->plannedstmt->stmt_location, query->plannedstmt->stmt_len);
}

/* Where a text that was noted lay, there may be another one by now. */
static pg_noinline void
look_at_run(const QueryDesc *query)
{
	if (query->sourceText && is_noted(query->sourceText) && judge_run(query) == MASK_ALL)
		statement_runs_secret();
}

static void
on_run(QueryDesc *query, RUN_ARGUMENTS)
{
	if (has_named)
		look_at_run(query);
	if (next_run)
		next_run(query, RUN_ARGUMENT_NAMES);
	else
		standard_ExecutorRun(query, RUN_ARGUMENT_NAMES);
}

/* What others are to see of its text; NULL: as it is. */
static const char *
find_shown(const QueryDesc *query, MaskJudgement judgement)
{
	if (statement_is_masked() && is_of_message(query))
		return statement_masked();
	if (query->sourceText && query->sourceText == masked_within)
		return mask_copy(query->sourceText, judgement);
	return NULL;
}

static pg_noinline void
look_at_start(QueryDesc *query)
{
	MaskJudgement judgement = has_named || query->sourceText == masked_within ? judge_run(query) : MASK_NOTHING;
	const char *shown = find_shown(query, judgement);

	if (shown)
		query->sourceText = shown;
	if (judgement == MASK_ALL)
		note_secret(query);
}

static void
on_start(QueryDesc *query, int flags)
{
	if (has_masked && words_count() && query->sourceText)
		look_at_start(query);
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
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT)
		forget_last();
}

void
hooks_init(void)
{
	next_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = on_analyze;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	next_planner = planner_hook;
	planner_hook = on_plan;
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = on_start;
	next_run = ExecutorRun_hook;
	ExecutorRun_hook = on_run;
	RegisterXactCallback(on_transaction_end, NULL);
}
