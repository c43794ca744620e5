import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.logging.Level;
import java.util.logging.Logger;

/** What a program prints of an error, one JSON object a line; java.util.logging writes to stderr beside it. */
final class Printing {
    private static final int FRAMES = 4;

    private Printing() {}

    @FunctionalInterface
    interface Action {
        void run() throws Exception;
    }

    static synchronized void say(String form, String text) {
        StringBuilder out = new StringBuilder();
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ' || c > '~') out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        System.out.println("{\"form\": \"" + form + "\", \"text\": \"" + out + "\"}");
    }

    /** Prints an error as its message, as a string, and with its stack. */
    static void fail(String doing, Throwable error) {
        if (error.getMessage() != null) say("message", error.getMessage());
        say("string", error.toString());
        say("logged", "2026-01-01 00:00:00.000 ERROR [main] c.e.Service - could not " + doing + ": " + error);
        say("stack", stack(error));
    }

    /** Returns a stack trace with few frames of each exception, as a reader of a log cuts it. */
    private static String stack(Throwable error) {
        StringWriter written = new StringWriter();
        error.printStackTrace(new PrintWriter(written));
        StringBuilder kept = new StringBuilder();
        int frames = 0;
        for (String line : written.toString().split("\n")) {
            frames = line.startsWith("\tat ") ? frames + 1 : 0;
            if (frames <= FRAMES) kept.append(line.replaceAll("\\(\\w+\\.java:\\d+\\)", "(Source.java:1)")).append('\n');
        }
        return "Exception in thread \"main\" " + kept;
    }

    static void attempt(String doing, Action action) {
        try {
            action.run();
        } catch (Exception error) {
            fail(doing, error);
        }
    }

    static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Makes java.util.logging write everything from a level on. */
    static void logFrom(Level level, String name) {
        Logger.getLogger(name).setLevel(level);
    }
}
