/*
 * policy/rule.c: reading rules, and the memory of those that were read.
 *
 * A name lies in folders: prod/app/db in prod/app, in prod, and in the top.  A
 * rule with stars is found by the literal folder that its pattern lies in, one
 * without by its own folder and last segment, and both by the tag of whom they
 * are for.  So a decision looks at the rules of a few folders for a few roles,
 * and each session remembers the folders that it has met, for each role that
 * asked.  When a rule or a role changes it forgets them all.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/uncounted.h"
#include "policy/rule.h"
#include "store/name.h"

/* ---- rows ---- */

PrivilegeSet
rule_decode_privileges(Datum value)
{
	ArrayType  *array = DatumGetArrayTypeP(value);
	const char *at = ARR_DATA_PTR(array);
	int			n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	PrivilegeSet set = 0;

	if (ARR_HASNULL(array))
		return 0;
	for (int i = 0; i < n; i++)
	{
		const struct varlena *word = (const struct varlena *) at;
		Privilege	privilege;

		if (privilege_find(VARDATA_ANY(word), VARSIZE_ANY_EXHDR(word), &privilege))
			set |= PRIVILEGE(privilege);
		at = att_addlength_pointer(at, -1, at);
		at = (const char *) att_align_nominal(at, TYPALIGN_INT);
	}
	return set;
}

static void
copy_tag(Datum value, char tag[NAMEDATALEN])
{
	text_to_cstring_buffer(DatumGetTextPP(value), tag, NAMEDATALEN);
}

static bool
is_deny(const text *effect)
{
	return VARSIZE_ANY_EXHDR(effect) == strlen("deny") && memcmp(VARDATA_ANY(effect), "deny", strlen("deny")) == 0;
}

typedef struct RuleRow
{
	Datum		values[RULE_LEAF + 8];
	bool		nulls[RULE_LEAF + 8];
} RuleRow;

/* What a decision looks at, and no more: it may read thousands. */
static void
decode_brief(HeapTuple tuple, TupleDesc desc, RuleRow *row, Rule *rule)
{
	const Datum *values = row->values;
	const bool *nulls = row->nulls;

	if (desc->natts > lengthof(row->values))
		elog(ERROR, "a catalog of extension \"secrets\" has more columns than this library knows");
	heap_deform_tuple(tuple, desc, row->values, row->nulls);
	rule->id = *DatumGetUUIDP(values[RULE_ID - 1]);
	rule->deny = is_deny(DatumGetTextPP(values[RULE_EFFECT - 1]));
	rule->privileges = rule_decode_privileges(values[RULE_PRIVILEGES - 1]);
	rule->pattern = TextDatumGetCString(values[RULE_PATTERN - 1]);
	rule->grantee_oid = DatumGetObjectId(values[RULE_GRANTEE_OID - 1]);
	copy_tag(values[RULE_GRANTEE_TAG - 1], rule->grantee_tag);
	rule->valid_from = DatumGetTimestampTz(values[RULE_VALID_FROM - 1]);
	rule->valid_until = DatumGetTimestampTz(values[RULE_VALID_UNTIL - 1]);
	rule->network = nulls[RULE_NETWORK - 1] ? NULL : (inet *) PG_DETOAST_DATUM_COPY(values[RULE_NETWORK - 1]);
	rule->ssl = nulls[RULE_SSL - 1] ? -1 : DatumGetBool(values[RULE_SSL - 1]);
	rule->prefix = strcspn(rule->pattern, "*");
	rule->grantee = rule->granted_by = NULL;
	rule->granted_at = 0;
	rule->role = InvalidOid;
	rule->role_known_at = 0;
}

void
rule_decode(HeapTuple tuple, TupleDesc desc, Rule *rule)
{
	RuleRow		row;

	decode_brief(tuple, desc, &row, rule);
	rule->grantee = TextDatumGetCString(row.values[RULE_GRANTEE - 1]);
	if (!row.nulls[RULE_GRANTED_BY - 1])
		rule->granted_by = TextDatumGetCString(row.values[RULE_GRANTED_BY - 1]);
	rule->granted_at = DatumGetTimestampTz(row.values[RULE_GRANTED_AT - 1]);
}

/* ---- what was read ---- */

static uint64 generation = 1;
static Oid	rule_relid = InvalidOid;	/* what the memory is of */
static Oid	home_relid = InvalidOid;

/* Role and path, as one string. */
#define ROLE_DIGITS 8
typedef char FolderKey[ROLE_DIGITS + NAME_MAX_LEN + 1];

typedef struct Folder
{
	FolderKey	key;
	int			n;
	Rule	  **rules;			/* those with stars, in the order of their prefixes */
	bool		has_names;		/* there are some without */
} Folder;

#define MAX_FOLDERS 1024

static MemoryContext memory = NULL;
static HTAB *folders = NULL;
static uint64 folders_rules = 0;	/* of which state they are */
static uint64 folders_roles = 0;

/* Who asked last, and the tags of whom he is. */
#define MAX_TAGS 64

typedef struct Asker
{
	Oid			role;			/* InvalidOid: nobody yet */
	int			ntags;			/* -1: by tags it cannot be said, or is too long a list */
	char		tags[MAX_TAGS][NAMEDATALEN];
} Asker;

static Asker asker;

uint64
rule_generation(void)
{
	return generation;
}

static void
on_relation_change(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == rule_relid || relid == home_relid)
		generation++;
}

void
rule_listen(void)
{
	rule_relid = catalog_oid(CATALOG_RULE);
	home_relid = catalog_oid(CATALOG_HOME);
}

void
rule_init(void)
{
	CacheRegisterRelcacheCallback(on_relation_change, (Datum) 0);
}

static void
forget_folders(void)
{
	HASHCTL		ctl = {.keysize = sizeof(FolderKey),.entrysize = sizeof(Folder)};

	rule_listen();
	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext, "secrets, rules", ALLOCSET_DEFAULT_SIZES);
	folders = NULL;
	asker.role = InvalidOid;
	MemoryContextReset(memory);
	ctl.hcxt = memory;
	folders_rules = generation;
	folders_roles = role_generation();
	folders = hash_create("secrets, folders with rules", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
forget_outdated(void)
{
	if (folders == NULL || folders_rules != generation || folders_roles != role_generation()
		|| hash_get_num_entries(folders) >= MAX_FOLDERS)
		forget_folders();
}

/* While names may still bind rules, tags do not tell which concern him. */
static const Asker *
find_asker(Oid role)
{
	if (asker.role == role)
		return &asker;
	asker.role = InvalidOid;
	asker.ntags = policy_is_settled() ? role_read_tags(role, MAX_TAGS, asker.tags) : -1;
	asker.role = role;
	return &asker;
}

/* ---- reading ---- */

/* In nobody's statistics: which folders are read for a list tells of the names in them that it hides. */
typedef struct RuleScan
{
	Relation	rel;
	Relation	index;
	SysScanDesc scan;
	Counters	of_rel;
	Counters	of_index;
} RuleScan;

/* leaf: "" for those with stars, NULL for any without; tag NULL: whoever they are for. */
static void
begin_scan(RuleScan *scan, const char *folder, const char *leaf, const char *tag)
{
	ScanKeyData keys[3];

	scan->rel = catalog_open(CATALOG_RULE);
	scan->index = index_open(catalog_oid(CATALOG_RULE_FOLDER), AccessShareLock);
	counters_remember(&scan->of_rel, scan->rel);
	counters_remember(&scan->of_index, scan->index);
	ScanKeyInit(&keys[0], RULE_FOLDER, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(folder));
	if (leaf)
		ScanKeyInit(&keys[1], RULE_LEAF, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(leaf));
	else
		ScanKeyInit(&keys[1], RULE_LEAF, BTGreaterStrategyNumber, F_TEXT_GT, CStringGetTextDatum(""));
	if (tag)
		ScanKeyInit(&keys[2], RULE_GRANTEE_TAG, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(tag));
	scan->scan = systable_beginscan_ordered(scan->rel, scan->index, NULL, tag ? 3 : 2, keys);
}

static bool
next_rule(RuleScan *scan, Rule *rule)
{
	RuleRow		row;
	HeapTuple	tuple = systable_getnext_ordered(scan->scan, ForwardScanDirection);

	if (!HeapTupleIsValid(tuple))
		return false;
	if (rule)
		decode_brief(tuple, RelationGetDescr(scan->rel), &row, rule);
	return true;
}

static void
end_scan(RuleScan *scan)
{
	systable_endscan_ordered(scan->scan);
	counters_put_back(&scan->of_index);
	counters_put_back(&scan->of_rel);
	index_close(scan->index, NoLock);
	table_close(scan->rel, NoLock);
}

static void
visit_rows(const char *folder, const char *leaf, const char *tag, rule_visitor visit, void *arg)
{
	RuleScan	scan;
	Rule		rule;

	begin_scan(&scan, folder, leaf, tag);
	while (next_rule(&scan, &rule))
		visit(&rule, arg);
	end_scan(&scan);
}

/* Those for everybody, and those for each whom he is. */
static void
visit_rows_for(const Asker *who, const char *folder, const char *leaf, rule_visitor visit, void *arg)
{
	visit_rows(folder, leaf, who->ntags < 0 ? NULL : "", visit, arg);
	for (int i = 0; i < who->ntags; i++)
		visit_rows(folder, leaf, who->tags[i], visit, arg);
}

/* ---- folders ---- */

static void
add_to_folder(Rule *rule, void *arg)
{
	Folder	   *folder = arg;
	Rule	   *kept = palloc(sizeof(Rule));

	*kept = *rule;
	/* As large as the next power of two. */
	if (folder->n == 0)
		folder->rules = palloc(sizeof(Rule *));
	else if ((folder->n & (folder->n - 1)) == 0)
		folder->rules = repalloc_huge(folder->rules, sizeof(Rule *) * (Size) folder->n * 2);
	folder->rules[folder->n++] = kept;
}

/* As strcmp() of their prefixes. */
static int
compare_prefix(const Rule *rule, const char *prefix, size_t len)
{
	int			order = memcmp(rule->pattern, prefix, Min(rule->prefix, len));

	if (order != 0)
		return order;
	return rule->prefix < len ? -1 : rule->prefix > len;
}

static int
compare_rules(const void *a, const void *b)
{
	const Rule *than = *(Rule *const *) b;

	return compare_prefix(*(Rule *const *) a, than->pattern, than->prefix);
}

static void
read_folder(Folder *folder, const Asker *who, const char *path)
{
	RuleScan	scan;

	visit_rows_for(who, path, "", add_to_folder, folder);
	if (folder->n > 1)
		qsort(folder->rules, (size_t) folder->n, sizeof(Rule *), compare_rules);
	begin_scan(&scan, path, NULL, NULL);
	folder->has_names = next_rule(&scan, NULL);
	end_scan(&scan);
}

/* What an error or an invalidation in the middle leaves behind is never found again. */
static Folder *
find_folder(Oid role, const char *path)
{
	FolderKey	key;
	MemoryContext before;
	const Asker *who;
	Folder	   *folder;
	Folder		read = {.n = 0};

	forget_outdated();
	snprintf(key, sizeof(key), "%08x%s", role, path);
	folder = hash_search(folders, key, HASH_FIND, NULL);
	if (folder)
		return folder;
	who = find_asker(role);		/* whose work space is not ours */
	before = MemoryContextSwitchTo(memory);
	memcpy(read.key, key, sizeof(key));
	read_folder(&read, who, path);
	folder = hash_search(folders, key, HASH_ENTER, NULL);
	*folder = read;
	MemoryContextSwitchTo(before);
	return folder;
}

/* The first whose prefix is not before that one. */
static int
find_prefix(const Folder *folder, const char *prefix, size_t len)
{
	int			low = 0;
	int			high = folder->n;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (compare_prefix(folder->rules[middle], prefix, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Only a rule whose prefix the name begins with can match: one of few in a full folder. */
static void
visit_folder(const Folder *folder, size_t folder_len, const char *name, rule_visitor visit, void *arg)
{
	size_t		name_len = name ? strlen(name) : 0;

	if (folder->n == 0)
		return;
	for (size_t len = folder_len; len <= name_len; len++)
		for (int i = find_prefix(folder, name ? name : "", len);
			 i < folder->n && compare_prefix(folder->rules[i], name ? name : "", len) == 0; i++)
			visit(folder->rules[i], arg);
}

void
rule_visit(Oid role, const char *name, rule_visitor visit, void *arg)
{
	char		path[NAME_MAX_LEN + 1] = "";
	const Folder *folder = find_folder(role, path);

	if (name && strlen(name) > NAME_MAX_LEN)
		return;					/* no name so long can be stored, but by hand */
	visit_folder(folder, 0, name, visit, arg);
	if (name == NULL)
		return;
	for (const char *slash = name; (slash = strchr(slash, '/')) != NULL; slash++)
	{
		strlcpy(path, name, (size_t) (slash - name) + 1);
		folder = find_folder(role, path);
		visit_folder(folder, strlen(path) + 1, name, visit, arg);
	}
	if (folder->has_names)
		visit_rows_for(find_asker(role), path, name + strlen(path) + (path[0] ? 1 : 0), visit, arg);
}

List *
policy_read_rules(void)
{
	Relation	rel = catalog_open(CATALOG_RULE);
	SysScanDesc scan;
	List	   *rules = NIL;
	HeapTuple	tuple;

	rule_listen();
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Rule	   *rule = palloc(sizeof(Rule));

		rule_decode(tuple, RelationGetDescr(rel), rule);
		rules = lappend(rules, rule);
	}
	systable_endscan(scan);
	table_close(rel, NoLock);
	return rules;
}
