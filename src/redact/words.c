/*
 * redact/words.c
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "redact/redact.h"
#include "redact/words.h"

#define MOST_OF_OURS 32

/* Ours first, then those of the setting. */
typedef struct Guarded
{
	int			value_argument;
	const char *value_column;
} Guarded;

static MaskWord *words = NULL;
static int	nwords = 0;
static MaskIndex word_index;
static Guarded ours[MOST_OF_OURS];
static int	nours = 0;

/*
 * In our schema, and take none.  What is missing here is masked as if it did
 * (sql/redact), and so is add_root_key(): the key may have been given for its place.
 */
static const char *const harmless[] = {
	"adopt", "alter", "audit_head", "can", "check", "current_version", "delete", "deny", "describe", "destroy",
	"disable", "disable_scheduler", "drop_root_key", "enable", "enable_scheduler", "expiring", "explain", "export_audit",
	"generate", "get", "get_all", "get_bytes", "get_many", "grant", "label", "lint", "list", "overdue", "purge",
	"random_password", "receive_audit", "rekey", "rename", "revoke", "rollback", "rotate", "rotate_all", "rotate_master_key",
	"rotate_now", "schedule_rotation", "seal", "status", "tick", "try_get", "undelete", "undeny", "unschedule_rotation",
	"unseal", "verify_audit", "watch",
	/* Relations, which a list of columns may follow. */
	"audit_log", "deleted", "grants", "root_keys", "rotations", "secrets", "versions",
};

static bool redact_logs = true;
static char *redact_functions = NULL;

bool
words_count(void)
{
	return redact_logs;
}

/* ---- the words ---- */

static MaskWords known = {.harmless = harmless, .nharmless = lengthof(harmless), .index = &word_index};

static void
know_words(void)
{
	word_index = mask_index(words, nwords);
	known.words = words;
	known.nwords = nwords;
}

/* In memory that outlives all contexts: the postmaster's words are its children's. */
static bool
insert(MaskWord word, int at)
{
	MaskWord   *more = realloc(words, (size_t) (nwords + 1) * sizeof(MaskWord));

	if (more == NULL)
		return false;
	words = more;
	memmove(words + at + 1, words + at, (size_t) (nwords - at) * sizeof(MaskWord));
	words[at] = word;
	nwords++;
	know_words();
	return true;
}

static void
guard(MaskWord word, Guarded guarded)
{
	if (nours == MOST_OF_OURS || !insert(word, nours))
		elog(ERROR, "no room for another function that takes a value");
	ours[nours++] = guarded;
}

void
redact_guard_call(const char *function, int value_argument)
{
	guard((MaskWord) {function, MASK_CALL}, (Guarded) {.value_argument = value_argument});
}

void
redact_guard_relation(const char *relation, const char *value_column)
{
	guard((MaskWord) {relation, MASK_RELATION}, (Guarded) {.value_column = value_column});
}

static const Guarded *
find_ours(const char *name, MaskWordKind kind)
{
	for (int i = 0; i < nours; i++)
		if (words[i].kind == kind && strcmp(words[i].name, name) == 0)
			return &ours[i];
	return NULL;
}

int
words_value_argument(const char *function)
{
	const Guarded *guarded = find_ours(function, MASK_CALL);

	return guarded ? guarded->value_argument : 0;
}

const char *
words_value_column(const char *relation)
{
	const Guarded *guarded = find_ours(relation, MASK_RELATION);

	return guarded ? guarded->value_column : NULL;
}

/* ---- those of users ---- */

/* Where this entry of a list ends: at a comma outside of quotes. */
static char *
find_comma(char *entry)
{
	bool		is_quoted = false;

	for (; *entry; entry++)
	{
		if (*entry == '"')
			is_quoted = !is_quoted;
		else if (*entry == ',' && !is_quoted)
			break;
	}
	return entry;
}

static bool
is_blank(const char *entry)
{
	return entry[strspn(entry, " \t\r\n")] == '\0';
}

/*
 * Takes the list apart; of app.store its last part counts, for it may be called
 * by the search path.  use may be NULL.  False: it is no list of names.
 */
static bool
each_function(const char *list, void (*use) (const char *name))
{
	char	   *entry = pstrdup(list);

	if (is_blank(entry))
		return true;
	for (;;)
	{
		char	   *end = find_comma(entry);
		bool		is_last = *end == '\0';
		List	   *parts;

		*end = '\0';
		if (!SplitIdentifierString(entry, '.', &parts) || parts == NIL)
			return false;
		if (use)
			use(llast(parts));
		if (is_last)
			return true;
		entry = end + 1;
	}
}

static bool
check_functions(char **list, void **extra, GucSource source)
{
	if (each_function(*list, NULL))
		return true;
	GUC_check_errdetail("A list of names, parted by commas, is expected.");
	return false;
}

static void
append_users(const char *name)
{
	char	   *copy = strdup(name);

	if (copy == NULL || !insert((MaskWord) {copy, MASK_ANYWHERE}, nwords))
		ereport(LOG, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("secrets: no memory for secrets.redact_functions")));
}

static void
assign_functions(const char *list, void *extra)
{
	for (; nwords > nours; nwords--)
		free(unconstify(char *, words[nwords - 1].name));
	know_words();
	(void) each_function(list, append_users);
}

/* ---- asking ---- */

bool
words_are_in(const char *text, Size len)
{
	return mask_judge(text, len, &known) == MASK_ALL;
}

MaskJudgement
words_judge(const char *text, Size len)
{
	return redact_logs ? mask_judge(text, len, &known) : MASK_NOTHING;
}

bool
words_mask(char *text, Size len, MaskJudgement judgement)
{
	return judgement != MASK_NOTHING && mask_sql(text, len, &known, judgement);
}

MaskParams
words_find_params(const char *text, Size len)
{
	return mask_find_params(text, len, &known);
}

/* ---- settings ---- */

void
words_init(void)
{
	DefineCustomBoolVariable("secrets.redact_logs",
							 "Masks values in whatever writes statements down.",
							 "Statements that name a function which takes a value have their literals and parameters "
							 "masked in logs, statistics and views. Turn it off only to find out why a statement fails.",
							 &redact_logs, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("secrets.redact_functions",
							   "Functions of your own that are given values, parted by commas.",
							   "Statements that name one of them are masked as those that name secrets.put() are: "
							   "for functions that store a value, or take one for other reasons.",
							   &redact_functions, "", PGC_SIGHUP, 0, check_functions, assign_functions, NULL);
}
