/*
 * policy/rule.c: reading rules, and the memory of those that were read.
 *
 * A name lies in folders: prod/app/db in prod/app, in prod, and in the top.  A
 * rule with stars is found by the literal folder that its pattern lies in, one
 * without by its own folder and last segment.  So a decision looks at the
 * rules of a few folders, and each session remembers the folders that it has
 * met.  When a rule changes it forgets them all.
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

void
rule_decode(HeapTuple tuple, TupleDesc desc, Rule *rule)
{
	Datum		values[RULE_LEAF + 8];
	bool		nulls[RULE_LEAF + 8];

	if (desc->natts > lengthof(values))
		elog(ERROR, "a catalog of extension \"secrets\" has more columns than this library knows");
	heap_deform_tuple(tuple, desc, values, nulls);
	rule->id = *DatumGetUUIDP(values[RULE_ID - 1]);
	rule->deny = strcmp(TextDatumGetCString(values[RULE_EFFECT - 1]), "deny") == 0;
	rule->privileges = rule_decode_privileges(values[RULE_PRIVILEGES - 1]);
	rule->pattern = TextDatumGetCString(values[RULE_PATTERN - 1]);
	rule->grantee = TextDatumGetCString(values[RULE_GRANTEE - 1]);
	rule->grantee_oid = DatumGetObjectId(values[RULE_GRANTEE_OID - 1]);
	copy_tag(values[RULE_GRANTEE_TAG - 1], rule->grantee_tag);
	rule->valid_from = DatumGetTimestampTz(values[RULE_VALID_FROM - 1]);
	rule->valid_until = DatumGetTimestampTz(values[RULE_VALID_UNTIL - 1]);
	rule->network = nulls[RULE_NETWORK - 1] ? NULL : (inet *) PG_DETOAST_DATUM_COPY(values[RULE_NETWORK - 1]);
	rule->ssl = nulls[RULE_SSL - 1] ? -1 : DatumGetBool(values[RULE_SSL - 1]);
	rule->granted_by = nulls[RULE_GRANTED_BY - 1] ? NULL : TextDatumGetCString(values[RULE_GRANTED_BY - 1]);
	rule->granted_at = DatumGetTimestampTz(values[RULE_GRANTED_AT - 1]);
	rule->role = InvalidOid;
	rule->role_known_at = 0;
}

/* ---- what was read ---- */

static uint64 generation = 1;
static Oid	rule_relid = InvalidOid;	/* what the memory is of */
static Oid	home_relid = InvalidOid;

typedef struct Folder
{
	char		name[NAME_MAX_LEN + 1]; /* the key */
	int			n;
	Rule	   *rules;			/* those with stars */
	bool		has_names;		/* there are some without */
} Folder;

#define MAX_FOLDERS 1024

static MemoryContext memory = NULL;
static HTAB *folders = NULL;
static uint64 folders_generation = 0;

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
	HASHCTL		ctl = {.keysize = NAME_MAX_LEN + 1,.entrysize = sizeof(Folder)};

	rule_listen();
	if (memory == NULL)
		memory = AllocSetContextCreate(TopMemoryContext, "secrets, rules", ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(memory);
	ctl.hcxt = memory;
	folders = hash_create("secrets, folders with rules", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	folders_generation = generation;
}

/* ---- reading ---- */

typedef struct RuleScan
{
	Relation	rel;
	Relation	index;
	SysScanDesc scan;
} RuleScan;

/* leaf: "" for those with stars, NULL for any without. */
static void
begin_scan(RuleScan *scan, const char *folder, const char *leaf)
{
	ScanKeyData keys[2];

	scan->rel = catalog_open(CATALOG_RULE);
	scan->index = index_open(catalog_oid(CATALOG_RULE_FOLDER), AccessShareLock);
	ScanKeyInit(&keys[0], RULE_FOLDER, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(folder));
	if (leaf)
		ScanKeyInit(&keys[1], RULE_LEAF, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(leaf));
	else
		ScanKeyInit(&keys[1], RULE_LEAF, BTGreaterStrategyNumber, F_TEXT_GT, CStringGetTextDatum(""));
	scan->scan = systable_beginscan_ordered(scan->rel, scan->index, NULL, 2, keys);
}

static bool
next_rule(RuleScan *scan, Rule *rule)
{
	HeapTuple	tuple = systable_getnext_ordered(scan->scan, ForwardScanDirection);

	if (!HeapTupleIsValid(tuple))
		return false;
	if (rule)
		rule_decode(tuple, RelationGetDescr(scan->rel), rule);
	return true;
}

static void
end_scan(RuleScan *scan)
{
	systable_endscan_ordered(scan->scan);
	index_close(scan->index, NoLock);
	table_close(scan->rel, NoLock);
}

static void
read_folder(Folder *folder)
{
	RuleScan		scan;
	int			room = 0;
	Rule		rule;

	begin_scan(&scan, folder->name, "");
	while (next_rule(&scan, &rule))
	{
		if (folder->n == room)
		{
			room = Max(8, room * 2);
			folder->rules = folder->rules ? repalloc_huge(folder->rules, sizeof(Rule) * (Size) room)
				: palloc(sizeof(Rule) * (Size) room);
		}
		folder->rules[folder->n++] = rule;
	}
	end_scan(&scan);
	begin_scan(&scan, folder->name, NULL);
	folder->has_names = next_rule(&scan, NULL);
	end_scan(&scan);
}

/* What an error or an invalidation in the middle leaves behind is never found again. */
static Folder *
find_folder(const char *name)
{
	MemoryContext before;
	Folder	   *folder;
	Folder		read = {.n = 0};

	if (folders == NULL || folders_generation != generation || hash_get_num_entries(folders) >= MAX_FOLDERS)
		forget_folders();
	folder = hash_search(folders, name, HASH_FIND, NULL);
	if (folder)
		return folder;
	before = MemoryContextSwitchTo(memory);
	strlcpy(read.name, name, sizeof(read.name));
	read_folder(&read);
	folder = hash_search(folders, name, HASH_ENTER, NULL);
	*folder = read;
	MemoryContextSwitchTo(before);
	return folder;
}

static void
visit_folder(const Folder *folder, rule_visitor visit, void *arg)
{
	for (int i = 0; i < folder->n; i++)
		visit(&folder->rules[i], arg);
}

static void
visit_leaf(const char *folder, const char *leaf, rule_visitor visit, void *arg)
{
	RuleScan		scan;
	Rule		rule;

	begin_scan(&scan, folder, leaf);
	while (next_rule(&scan, &rule))
		visit(&rule, arg);
	end_scan(&scan);
}

void
rule_visit(const char *name, rule_visitor visit, void *arg)
{
	char		path[NAME_MAX_LEN + 1] = "";
	const Folder *folder = find_folder(path);

	visit_folder(folder, visit, arg);
	if (name == NULL || strlen(name) > NAME_MAX_LEN)
		return;					/* no name so long can be stored, but by hand */
	for (const char *slash = name; (slash = strchr(slash, '/')) != NULL; slash++)
	{
		strlcpy(path, name, (size_t) (slash - name) + 1);
		folder = find_folder(path);
		visit_folder(folder, visit, arg);
	}
	if (folder->has_names)
		visit_leaf(path, name + strlen(path) + (path[0] ? 1 : 0), visit, arg);
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
