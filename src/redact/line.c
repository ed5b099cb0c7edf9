/*
 * redact/line.c
 *
 * Every text of a line is judged by itself: a deadlock quotes the statements of
 * others, a crash one of a process that is gone, EXECUTE is told by its detail.  And
 * where the statement that the line belongs to brings a secret, texts that quote
 * its parameters or its input are covered, whatever they say.
 *
 * All is done in place: an error is being reported, there may be no memory, and
 * nothing here may fail.  A text keeps its length.
 *
 * The log alone is masked, and not what the client is told: what it said itself is
 * no news to it; and if it were told where something was covered, it could ask for
 * values that it may not have, word by word.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/elog.h"
#include "utils/guc.h"

#include "redact/line.h"
#include "redact/passwords.h"
#include "redact/statement.h"
#include "redact/values.h"
#include "redact/words.h"

#define WITHHELD	"***"
#define MOST_OBJECTS 32

static emit_log_hook_type next_hook = NULL;

static Oid	objects[MOST_OBJECTS];
static int	nobjects = 0;

static bool
names_secret(const char *text)
{
	return text && words_judge(text, strlen(text)) == MASK_ALL;
}

/* Where there is no room for the sign, there is nothing to hide either. */
static void
withhold(char *text)
{
	if (text)
		strlcpy(text, WITHHELD, strlen(text) + 1);
}

/* The quotes of other languages; in encodings other than UTF-8 whatever may be one. */
static const char *
find_foreign_quote(const char *text)
{
	static const char *const quotes[] = {"\u00ab", "\u00bb", "\u2018", "\u2019", "\u201a", "\u201b", "\u201c", "\u201d", "\u201e", "\u201f",
	"\u2039", "\u203a", "\u300c", "\u300d", "\u300e", "\u300f", "\uff02", "\uff07"};

	for (; *text; text++)
	{
		if (!IS_HIGHBIT_SET(*text))
			continue;
		if (GetDatabaseEncoding() != PG_UTF8)
			return text;
		for (int i = 0; i < lengthof(quotes); i++)
			if (strncmp(text, quotes[i], strlen(quotes[i])) == 0)
				return text;
	}
	return NULL;
}

/* What only quotes SQL: from the first quote to the last. */
static void
cover_quoted(char *text, const char *quotes)
{
	if (text)
		(void) mask_between(text, strlen(text), quotes);
}

/* The server's own words, in whatever language. */
static void
cover_words(char *text, const char *quotes)
{
	char	   *foreign = text ? unconstify(char *, find_foreign_quote(text)) : NULL;

	cover_quoted(text, quotes);
	if (foreign)
		memset(foreign, '*', strlen(foreign));
}

static void
cover_sql(char *text, MaskJudgement judgement)
{
	if (text)
		(void) words_mask(text, strlen(text), judgement);
}

/* log_statement's line comes before it is known what is a column; and so do others of what is prepared, or executed by name. */
static MaskJudgement
judgement_by_now(void)
{
	return statement_is_understood() ? MASK_ALL : MASK_UNQUOTED;
}

/* ---- lines of certain kinds ---- */

static bool
begins(const char *text, const char *with)
{
	return text && strncmp(text, with, strlen(with)) == 0;
}

/*
 * "statement: ...", "duration: ... execute <unnamed>: ...", in whatever language: what the
 * server says of the client's statement ends with it.  Its length is known.
 */
static char *
find_statement(const ErrorData *line)
{
	static const char *const tellers[] = {"exec_simple_query", "exec_parse_message", "exec_bind_message", "exec_execute_message"};
	Size		len = strlen(line->message);
	Size		tail = statement_length();
	bool		tells = false;

	for (int i = 0; i < lengthof(tellers); i++)
		tells |= line->funcname && strcmp(line->funcname, tellers[i]) == 0;
	if (!tells || tail == 0 || tail >= len)
		return NULL;
	return line->message[len - tail - 1] == ' ' ? line->message + len - tail : NULL;
}

/* auto_explain's, in its format of text: SQL, and a plan that quotes as SQL does. */
static char *
find_plan_as_text(char *message)
{
	static const char intro[] = "plan:\nQuery Text: ";
	char	   *at = begins(message, "duration: ") ? strstr(message, intro) : NULL;

	return at && at[sizeof(intro) - 1] != '"' ? at + sizeof(intro) - 1 : NULL;
}

/* The field of a line of commas that begins there ends at the next comma outside of quotes. */
static char *
skip_field(char *field)
{
	bool		is_quoted = false;

	for (; *field; field++)
	{
		if (*field == '"')
			is_quoted = !is_quoted;
		else if (*field == ',' && !is_quoted)
			break;
	}
	return field;
}

/* All fields from there on; but pgaudit's own words for what it does not say. */
static void
cover_audited_parameters(char *field)
{
	for (;;)
	{
		char	   *end = skip_field(field);

		if (!begins(field, "<not logged>") && !begins(field, "<none>") && !begins(field, "<previously logged>"))
			memset(field, '*', end - field);
		if (*end == '\0')
			break;
		field = end + 1;
	}
}

/* "AUDIT: SESSION,1,1,READ,SELECT,,,statement,parameters": where the statement begins, and where it ends. */
static char *
find_audited(char *message, char **end)
{
	char	   *field = message;

	for (int i = 0; i < 7 && *field; i++)
	{
		field = skip_field(field);
		field += *field == ',' ? 1 : 0;
	}
	*end = skip_field(field);
	return *field == '"' ? field + 1 : field;
}

/* Doubled quotes may have anything in them. */
static void
cover_audited(char *message)
{
	char	   *end;
	char	   *statement = find_audited(message, &end);

	if (*end)
		cover_audited_parameters(end + 1);
	if (memmem(statement, end - statement, "\"\"", 2))
		(void) mask_between(statement, end - statement, "'$/-");
	else
		(void) words_mask(statement, end - statement, judgement_by_now());
}

/*
 * Values that have passed.  In what quotes a statement only where a value may stand:
 * what was done there is not to be left out of the log.
 */
static void
cover_values(ErrorData *line, char *text)
{
	char	   *statement = text && text == line->message ? find_statement(line) : NULL;

	if (statement == NULL && text && text == line->message)
		statement = find_plan_as_text(text);
	if (statement)
		values_cover_sql(statement, strlen(statement));
	else if (text && text == line->message && begins(text, "AUDIT: "))
	{
		char	   *end;
		char	   *audited = find_audited(text, &end);

		values_cover_sql(audited, end - audited);
		values_cover(end);
	}
	else
		values_cover(text);
}

static bool
has_watched_object(const char *tree)
{
	for (int i = 0; i < nobjects; i++)
	{
		char		function[32];
		char		relation[32];

		snprintf(function, sizeof(function), ":funcid %u ", objects[i]);
		snprintf(relation, sizeof(relation), ":relid %u ", objects[i]);
		if (strstr(tree, function) || strstr(tree, relation))
			return true;
	}
	return false;
}

/*
 * Printed trees have values as the numbers of their bytes, broken into lines
 * anywhere.  Where a value has passed, or some extension's process writes down what
 * others gave it, there is no telling.
 */
static bool
may_show_value(const char *tree)
{
	return names_secret(tree) || has_watched_object(tree) || values_any() || MyBackendType != B_BACKEND;
}

void
line_watch_object(Oid object)
{
	for (int i = 0; i < nobjects; i++)
		if (objects[i] == object)
			return;
	objects[nobjects++ % MOST_OBJECTS] = object;
	nobjects = Min(nobjects, MOST_OBJECTS);
}

/* ---- the texts of a line ---- */

/* Where the server refuses data, its words quote them: the detail and the context as they are. */
static bool
quotes_data(const ErrorData *line)
{
	int			category = ERRCODE_TO_CATEGORY(line->sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION
		|| category == ERRCODE_TO_CATEGORY(ERRCODE_WITH_CHECK_OPTION_VIOLATION);
}

/* libpq tells what it cannot read in a connection string. */
static bool
quotes_connection(const ErrorData *line)
{
	return ERRCODE_TO_CATEGORY(line->sqlerrcode) == ERRCODE_TO_CATEGORY(ERRCODE_CONNECTION_EXCEPTION);
}

static bool
quotes_input(const ErrorData *line)
{
	return quotes_data(line) || line->sqlerrcode == ERRCODE_SYNTAX_ERROR;
}

/* Names that are not to be found are told with their dots, and without quotes. */
static bool
quotes_dotted_name(const ErrorData *line)
{
	return line->sqlerrcode == ERRCODE_SYNTAX_ERROR || line->sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED
		|| line->sqlerrcode == ERRCODE_UNDEFINED_COLUMN || line->sqlerrcode == ERRCODE_AMBIGUOUS_COLUMN
		|| line->sqlerrcode == ERRCODE_UNDEFINED_TABLE;
}

static void
cover_dotted_names(char *text)
{
	const char *const blanks = " \t\n";

	for (text += strspn(text, blanks); *text; text += strspn(text, blanks))
	{
		Size		len = strcspn(text, blanks);
		char	   *dot = memchr(text, '.', len);

		if (dot && dot > text && dot + 1 < text + len)
			memset(text, '*', len);
		text += len;
	}
}

static void
cover_message(ErrorData *line, bool names, bool belongs)
{
	char	   *statement = belongs ? find_statement(line) : NULL;
	char	   *plan = belongs ? find_plan_as_text(line->message) : NULL;

	if (statement)
		cover_sql(statement, judgement_by_now());
	else if (belongs && begins(line->message, "AUDIT: "))
		cover_audited(line->message);
	else if (plan)
		cover_sql(plan, MASK_ALL);
	else if (names && quotes_input(line))
		cover_words(line->message, "'\"$");
	else if (names || (belongs && begins(line->message, "duration: ")))
		cover_quoted(line->message, "'$");
	else if (belongs)
		cover_words(line->message, "'\"");
	if (belongs && line->elevel >= ERROR && quotes_dotted_name(line))
		cover_dotted_names(line->message);
}

static void
cover_detail(ErrorData *line, char *detail, bool belongs)
{
	bool		is_tree = begins(line->funcname, "elog_node_display");
	MaskParams	params;

	if (detail == NULL)
		return;
	if (belongs && quotes_data(line))
		withhold(detail);
	else if (statement_hide() != MASK_NOTHING && quotes_connection(line))
		withhold(detail);
	else if (is_tree && (belongs || statement_hide() != MASK_NOTHING || may_show_value(detail)))
		withhold(detail);
	else if (begins(detail, "prepare: "))
		cover_sql(detail, words_judge(detail, strlen(detail)));
	else if (names_secret(detail))
		cover_quoted(detail, "'$");
	else if (belongs && strstr(detail, "$1 = "))
	{
		params = statement_params();
		(void) mask_params(detail, strlen(detail), &params);
	}
	else if (belongs)
		cover_words(detail, "'\"");
}

static void
cover_hint(char *hint, bool belongs)
{
	if (names_secret(hint))
		cover_quoted(hint, "'$");
	else if (belongs)
		cover_words(hint, "'\"");
}

static void
cover_context(ErrorData *line, char *context, bool belongs)
{
	if (context == NULL)
		return;
	if (belongs && quotes_data(line))
		withhold(context);
	else if (belongs)
		cover_words(context, "'\"");
	else if (names_secret(context))
		cover_quoted(context, "'$");
}

/*
 * PASSWORD '...', wherever it stands.  A context and an audit's line may have it
 * within quotes of their own, and then the statement tells.
 */
static bool
has_password(const ErrorData *line, const char *text)
{
	bool		is_quoting = text == line->context || (text == line->message && begins(text, "AUDIT: "));

	if (text == NULL)
		return false;
	return (is_quoting && statement_hide() == MASK_PASSWORDS) || words_judge(text, strlen(text)) == MASK_PASSWORDS;
}

/* Of settings that are read again the server tells what they are. */
static bool
quotes_setting(const ErrorData *line)
{
	return begins(line->funcname, "ProcessConfigFile") || line->sqlerrcode == ERRCODE_INVALID_PARAMETER_VALUE;
}

static void
cover_passwords(const ErrorData *line, char *text)
{
	if (text && text == line->message && quotes_setting(line))
		(void) passwords_cover_setting(text, strlen(text));
	if (!has_password(line, text))
		return;
	if (text == line->message && begins(text, "AUDIT: "))
		cover_audited(text);
	else
		cover_sql(text, MASK_PASSWORDS);
}

/*
 * Where there is no statement, as in the call of a function by the protocol, or
 * when a transaction ends, there is no telling what was given.
 */
static bool
may_belong(const ErrorData *line)
{
	return statement_length() == 0 && MyBackendType == B_BACKEND && quotes_input(line);
}

static bool
belongs_to_one(const ErrorData *line, MaskJudgement statement)
{
	return statement == MASK_ALL || names_secret(line->message) || names_secret(line->internalquery)
		|| (begins(line->detail, "prepare: ") && names_secret(line->detail))
		|| (line->elevel >= ERROR && (names_secret(line->detail) || names_secret(line->context)))
		|| statement_has_run_secret() || may_belong(line) || values_are_lost()
		|| (quotes_input(line) && values_passed_in_statement());
}

/* What becomes of a line's statement is decided by the server in this way. */
static bool
shows_statement(const ErrorData *line)
{
	if (line->hide_stmt)
		return false;
	if (line->elevel == LOG || line->elevel == LOG_SERVER_ONLY)
		return log_min_error_statement == LOG || log_min_error_statement <= ERROR;
	if (line->elevel == WARNING_CLIENT_ONLY)
		return false;
	return line->elevel >= (log_min_error_statement == LOG ? FATAL : log_min_error_statement);
}

static void
cover_texts(ErrorData *line)
{
	bool		is_ours = line->hide_stmt && line->hide_ctx && line->elevel >= ERROR;
	bool		may_be_misread = line->elevel >= ERROR || (shows_statement(line) && !statement_is_understood());
	MaskJudgement statement = statement_hide_for_line(may_be_misread);
	bool		names = names_secret(line->message);
	bool		belongs = !is_ours && belongs_to_one(line, statement);
	bool		is_context_told = has_password(line, line->context);
	char	   *const texts[] = {line->message, line->detail, line->detail_log, line->hint, line->internalquery};

	/* Passwords while it can be seen that they are some, then values while they are whole, and then what stands in quotes. */
	for (int i = 0; i < lengthof(texts); i++)
		cover_passwords(line, texts[i]);
	for (int i = 0; i < lengthof(texts); i++)
		cover_values(line, texts[i]);
	values_cover(line->context);
	if (line->message)
		cover_message(line, names, belongs);
	cover_detail(line, line->detail, belongs);
	cover_detail(line, line->detail_log, belongs);
	cover_hint(line->hint, belongs);
	cover_context(line, line->context, belongs);
	if (is_context_told)
		cover_quoted(line->context, "'$");
	if (belongs)
		cover_sql(line->internalquery, line->elevel >= ERROR ? MASK_UNQUOTED : MASK_ALL);
	if (statement != MASK_NOTHING)
		statement_report();
}

/* ---- for the log alone ---- */

#define NTEXTS 6

static void
list_texts(ErrorData *line, char **texts[NTEXTS])
{
	texts[0] = &line->message;
	texts[1] = &line->detail;
	texts[2] = &line->detail_log;
	texts[3] = &line->hint;
	texts[4] = &line->context;
	texts[5] = &line->internalquery;
}

static void
wipe_and_free(char *text)
{
	if (text == NULL)
		return;
	explicit_bzero(text, strlen(text));
	pfree(text);
}

/* False: there is no memory. */
static bool
copy_texts(ErrorData *line, char *copies[NTEXTS])
{
	char	  **texts[NTEXTS];
	bool		is_complete = true;

	list_texts(line, texts);
	for (int i = 0; i < NTEXTS; i++)
	{
		Size		size = *texts[i] ? strlen(*texts[i]) + 1 : 0;

		copies[i] = size ? palloc_extended(size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE) : NULL;
		if (copies[i])
			memcpy(copies[i], *texts[i], size);
		is_complete &= copies[i] || size == 0;
	}
	for (int i = 0; i < NTEXTS && !is_complete; i++)
		wipe_and_free(copies[i]);
	return is_complete;
}

static void
swap_texts(ErrorData *line, char *copies[NTEXTS])
{
	char	  **texts[NTEXTS];

	list_texts(line, texts);
	for (int i = 0; i < NTEXTS; i++)
	{
		char	   *text = *texts[i];

		*texts[i] = copies[i];
		copies[i] = text;
	}
}

/* The line that is being emitted goes to the log as it is now; what is emitted then is the client's. */
static bool is_for_log = false;

static void
emit_for_log(ErrorData *line, const char *statement)
{
	bool		is_for_client = line->output_to_client;
	const char *before = debug_query_string;

	if (statement)
		debug_query_string = statement;
	line->output_to_client = false;
	is_for_log = true;
	PG_TRY();
	{
		EmitErrorReport();
	}
	PG_FINALLY();
	{
		is_for_log = false;
		debug_query_string = before;
	}
	PG_END_TRY();
	line->output_to_client = is_for_client;
	line->output_to_server = false;
}

static bool
has_changed(ErrorData *line, char *copies[NTEXTS])
{
	char	  **texts[NTEXTS];

	list_texts(line, texts);
	for (int i = 0; i < NTEXTS; i++)
		if (copies[i] && strcmp(copies[i], *texts[i]) != 0)
			return true;
	return false;
}

/*
 * Emits it for the log alone, where the client is told something else, or the
 * statement is shown otherwise than to who asks for it.  Without memory for that the
 * client is told what the log is.
 */
static void
cover_line(ErrorData *line)
{
	char	   *others[NTEXTS];
	bool		is_copied = line->output_to_client && copy_texts(line, others);
	const char *statement = NULL;
	bool		is_emitted;

	cover_texts(line);
	if (shows_statement(line) && !statement_cover_values(&statement))
		line->hide_stmt = true;
	is_emitted = statement || (is_copied && has_changed(line, others));
	if (is_emitted)
		emit_for_log(line, statement);
	if (is_emitted && is_copied)
		swap_texts(line, others);
	for (int i = 0; is_copied && i < NTEXTS; i++)
		wipe_and_free(others[i]);
	if (!is_emitted && next_hook)
		next_hook(line);
}

static void
on_line(ErrorData *line)
{
	if (words_count() && !is_for_log)
		cover_line(line);
	else if (next_hook)
		next_hook(line);
}

void
line_init(void)
{
	next_hook = emit_log_hook;
	emit_log_hook = on_line;
}
