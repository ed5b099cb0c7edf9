import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.Properties;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PGobject;

/** JDBC: bound parameters, server-side prepared statements and binary transfer, errors by SQLState, COPY, LISTEN. */
public class JdbcClient {
	static int n, failed;
	static Connection db;

	static void check(String what, boolean good) {
		n++;
		if (!good)
			failed++;
		System.out.println((good ? "ok " : "not ok ") + n + " - " + what);
	}

	interface Call {
		void run() throws SQLException, java.io.IOException;
	}

	static void raises(String what, String state, Call call) throws Exception {
		try {
			call.run();
			check(what + ": nothing was raised", false);
		} catch (SQLException e) {
			check(what, state.equals(e.getSQLState()) && !e.getMessage().contains("canary"));
		}
	}

	static Object one(String sql, Object... args) throws SQLException {
		try (PreparedStatement s = db.prepareStatement(sql)) {
			for (int i = 0; i < args.length; i++)
				if (args[i] == null)
					s.setNull(i + 1, Types.VARCHAR);
				else
					s.setObject(i + 1, args[i]);
			try (ResultSet r = s.executeQuery()) {
				r.next();
				return r.getObject(1);
			}
		}
	}

	static String get(PreparedStatement s, String name) throws SQLException {
		s.setString(1, name);
		try (ResultSet r = s.executeQuery()) {
			r.next();
			return r.getString(1);
		}
	}

	static void forget(String... names) throws SQLException {
		for (String name : names) {
			if ((Long) one("SELECT count(*) FROM secrets.secrets WHERE name = ?", name) > 0)
				one("SELECT secrets.delete(?)", name);
			one("SELECT count(secrets.purge(name, id)) FROM secrets.deleted WHERE name = ?", name);
		}
	}

	static void run(String sql) throws SQLException {
		try (Statement s = db.createStatement()) {
			s.execute(sql);
		}
	}

	/** A second session is the stranger, whose prepared statement outlives each change of a rule. */
	static void rules(String url, Properties p, String name) throws Exception {
		run("DELETE FROM secrets_catalog.rule WHERE pattern LIKE 'client/jdbc%'");
		run("DROP ROLE IF EXISTS client_jdbc");
		run("CREATE ROLE client_jdbc");
		one("SELECT secrets.put(?, ?)", name, "for a friend");
		try (Connection stranger = DriverManager.getConnection(url, p); Statement plain = stranger.createStatement(); PreparedStatement s = stranger.prepareStatement("SELECT secrets.get(?)")) {
			plain.execute("SET SESSION AUTHORIZATION client_jdbc");
			for (int i = 0; i < 6; i++)
				raises("a stranger, " + i, "42501", () -> get(s, name));
			raises("a stranger and what is not there", "42501", () -> get(s, "client/canary"));
			raises("a stranger who gives", "42501", () -> plain.executeQuery("SELECT secrets.grant('read', 'client/canary', 'client_jdbc')"));
			Object rule = one("SELECT secrets.grant(?, ?, ?)", "read, list", "client/jdbc/**", "client_jdbc");
			check("grant", rule instanceof UUID && rule.equals(one("SELECT rule_id FROM secrets.grants WHERE grantee = ?", "client_jdbc")));
			boolean same = true;
			for (int i = 0; i < 6; i++)
				same &= get(s, name).equals("for a friend");
			check("prepared get after a grant", same);
			check("can", one("SELECT secrets.can(?, ?, ?)", "read", name, "client_jdbc").equals(true) && one("SELECT secrets.can(?, ?, ?)", "write", name, "client_jdbc").equals(false));
			check("explain", rule.equals(one("SELECT rule_id FROM secrets.explain(?, ?) WHERE privilege = 'read'", name, "client_jdbc")));
			PGobject network = new PGobject();
			network.setType("inet");
			network.setValue("192.0.2.0/24");
			PGobject options = new PGobject();
			options.setType("jsonb");
			options.setValue("{\"ssl\": true}");
			check("every argument bound", one("SELECT secrets.deny(privileges => ?, pattern => ?, grantee => ?, valid_from => ?, valid_until => ?, network => ?, options => ?)", "all", "client/**", "public",
				OffsetDateTime.parse("2020-01-01T00:00:00Z"), OffsetDateTime.parse("2900-01-01T00:00:00Z"), network, options) instanceof UUID
				&& one("SELECT host(network) || ssl FROM secrets.grants WHERE grantee = 'public' AND pattern = ?", "client/**").equals("192.0.2.0true"));
			check("a deny for elsewhere", get(s, name).equals("for a friend"));
			one("SELECT secrets.undeny(?, ?, ?)", "all", "client/**", "public");
			one("SELECT secrets.deny(?, ?, ?)", "all", "client/**", "public");
			raises("prepared get after a deny", "42501", () -> get(s, name));
			check("undeny", one("SELECT secrets.undeny(?, ?, ?)", "all", "client/**", "public").equals(1));
			check("prepared get after undeny", get(s, name).equals("for a friend"));
			check("revoke", one("SELECT secrets.revoke(?, ?, ?)", "all", "client/jdbc/**", "client_jdbc").equals(1));
			raises("prepared get after revoke", "42501", () -> get(s, name));
			// In a transaction that sees all else as it was.
			stranger.setAutoCommit(false);
			stranger.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
			plain.executeQuery("SELECT 1").close();
			one("SELECT secrets.grant(?, ?, ?)", "read", name, "client_jdbc");
			check("granted within a repeatable read", get(s, name).equals("for a friend"));
			one("SELECT secrets.revoke(?, ?, ?)", "read", name, "client_jdbc");
			raises("revoked within a repeatable read", "42501", () -> get(s, name));
			stranger.rollback();
			// By address: JDBC comes over TCP.
			one("SELECT secrets.grant(?, ?, ?, network => inet_client_addr())", "read", name, "client_jdbc");
			check("from that address", get(s, name).equals("for a friend"));
			stranger.rollback();
		}
		run("DELETE FROM secrets_catalog.rule WHERE pattern LIKE 'client/jdbc%'");
		run("DROP ROLE client_jdbc");
	}

	public static void main(String[] args) throws Exception {
		String host = System.getenv("JDBC_HOST");
		if (host == null)
			host = System.getenv("PGHOST").startsWith("/") ? "localhost" : System.getenv("PGHOST");
		String url = "jdbc:postgresql://" + host + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
		Properties p = new Properties();
		p.setProperty("user", System.getenv("PGUSER"));
		if (System.getenv("PGPASSWORD") != null)
			p.setProperty("password", System.getenv("PGPASSWORD"));
		p.setProperty("prepareThreshold", "1");
		p.setProperty("binaryTransfer", "true");
		db = DriverManager.getConnection(url, p);

		String[] names = {"client/jdbc", "client/jdbc/bytes", "client/jdbc/json", "client/jdbc/new", "client/jdbc/copy"};
		forget(names);

		check("put", one("SELECT secrets.put(?, ?)", names[0], "first").equals(1L));
		String text = "\u00e4\u20ac\ud83d\udd11 'quoted' \\ $1 ? \n\ttab";
		check("non-ASCII put", one("SELECT secrets.put(?, ?)", names[0], text).equals(2L));
		check("non-ASCII get", one("SELECT secrets.get(?)", names[0]).equals(text));
		check("as bytes", Arrays.equals((byte[]) one("SELECT secrets.get_bytes(?)", names[0]), text.getBytes(StandardCharsets.UTF_8)));
		check("the empty string", one("SELECT secrets.put(?, ?)", names[0], "").equals(3L) && one("SELECT secrets.get(?)", names[0]).equals(""));
		check("named arguments", one("SELECT secrets.put(name => ?, value => ?, if_version => ?)", names[0], "x", 3L).equals(4L));

		byte[] every = new byte[256];
		for (int i = 0; i < 256; i++)
			every[i] = (byte) i;
		check("put_bytes", one("SELECT secrets.put_bytes(?, ?)", names[1], every).equals(1L));
		boolean same = true;
		for (int i = 0; i < 6; i++)
			same &= Arrays.equals((byte[]) one("SELECT secrets.get_bytes(?)", names[1]), every);
		check("get_bytes, text and then binary", same);

		PGobject json = new PGobject();
		json.setType("jsonb");
		json.setValue("{\"user\": \"app\", \"password\": \"p\u00e4ss\"}");
		check("put jsonb", one("SELECT secrets.put(?, ?)", names[2], json).equals(1L));
		check("get a field", one("SELECT secrets.get(?, ?)", names[2], "password").equals("p\u00e4ss"));
		check("patch", one("SELECT secrets.patch(?, ?)", names[2], "{\"user\": null}").equals(2L));

		check("try_get of nothing", one("SELECT secrets.try_get(?)", "client/jdbc/none") == null);
		raises("a NULL value", "22004", () -> one("SELECT secrets.put(?, ?)", names[0], null));
		raises("no such secret", "42704", () -> one("SELECT secrets.get(?)", "client/canary"));
		raises("check-and-set lost", "40002", () -> one("SELECT secrets.put(?, ?, if_version => ?)", names[0], "canary", 1L));
		raises("a bad name", "22023", () -> one("SELECT secrets.put(?, ?)", "a canary", "canary"));
		raises("binary as text", "42809", () -> one("SELECT secrets.get(?)", names[1]));
		raises("no such field", "2203A", () -> one("SELECT secrets.get(?, ?)", names[2], "canary"));
		one("SELECT secrets.disable(?)", names[0]);
		raises("disabled", "55000", () -> one("SELECT secrets.get(?)", names[0]));
		one("SELECT secrets.enable(?)", names[0]);

		try (PreparedStatement s = db.prepareStatement("SELECT secrets.get(?)"); Statement plain = db.createStatement()) {
			for (int i = 0; i < 8; i++)
				get(s, names[0]);
			one("SELECT secrets.rename(?, ?)", names[0], names[3]);
			raises("prepared get after a rename", "42704", () -> get(s, names[0]));
			check("prepared get under the new name", get(s, names[3]).equals("x"));
			one("SELECT secrets.rotate_master_key()");
			plain.execute("CALL secrets.rekey()");
			check("prepared get after a rekey", get(s, names[3]).equals("x"));
		}

		CopyManager copy = ((PGConnection) db).getCopyAPI();
		copy.copyIn("COPY secrets.inbox (name, value) FROM STDIN", new java.io.StringReader(names[4] + "\tcopied \u20ac\n"));
		check("COPY", one("SELECT secrets.get(?)", names[4]).equals("copied \u20ac"));
		raises("a refused row", "22023", () -> copy.copyIn("COPY secrets.inbox (name, value) FROM STDIN", new java.io.StringReader("a canary\tcanary\n")));

		String channel = (String) one("SELECT secrets.watch(?)", names[3]);
		try (Statement s = db.createStatement(); Connection writer = DriverManager.getConnection(url, p)) {
			s.execute("LISTEN " + channel);
			writer.setAutoCommit(false);
			try (PreparedStatement put = writer.prepareStatement("SELECT secrets.put(?, ?)")) {
				put.setString(1, names[3]);
				put.setString(2, "canary");
				put.executeQuery().close();
			}
			PGNotification[] early = ((PGConnection) db).getNotifications(100);
			check("not before the commit", early == null || early.length == 0);
			writer.commit();
			PGNotification[] heard = ((PGConnection) db).getNotifications(10000);
			check("notified at the commit", heard != null && heard.length == 1 && heard[0].getName().equals(channel)
				&& heard[0].getParameter().matches("\\{\"version\":[0-9]+,\"event\":\"write\"\\}"));
		}

		rules(url, p, names[4]);

		forget(names);
		db.close();
		System.out.println("1.." + n);
		System.exit(failed > 0 ? 1 : 0);
	}
}
