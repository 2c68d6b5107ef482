import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

/** What the features are written with; runs those that the command line names. */
final class Check {
  /** Only catches hangs. */
  static final Duration DEADLINE = Duration.ofSeconds(30);

  /** A feature. It throws if anything is not as it should be. */
  interface Feature {
    void run() throws Exception;
  }

  private Check() {}

  /** Prints `feature NAME passed` or `feature NAME failed WHY` for each name. */
  static void runAll(Map<String, Feature> features, List<String> names) {
    for (String name : names) {
      String outcome = "passed";
      try {
        features.get(name).run();
      } catch (Throwable error) {
        error.printStackTrace(System.out);
        outcome = "failed " + error.toString().replaceAll("\\s+", " ");
      }
      System.out.println("feature " + name + " " + outcome);
      System.out.flush();
    }
  }

  static void equal(Object got, Object wanted) {
    if (!Objects.deepEquals(got, wanted)) {
      throw new AssertionError(got + " instead of " + wanted);
    }
  }

  /** Asks again until the condition holds. */
  static void until(String what, Callable<Boolean> condition) throws Exception {
    long end = System.nanoTime() + DEADLINE.toNanos();
    while (!condition.call()) {
      if (System.nanoTime() > end) throw new AssertionError("not in time: " + what);
      Thread.onSpinWait();
    }
  }

  /** NAME-0, NAME-1, ... */
  static List<String> numbered(String name, int count) {
    return IntStream.range(0, count).mapToObj(number -> name + "-" + number).toList();
  }

  static List<Long> upTo(int count) {
    return IntStream.range(0, count).mapToObj(number -> (long) number).toList();
  }

  static List<String> strings(byte[]... all) {
    return Arrays.stream(all).map(bytes -> bytes == null ? null : new String(bytes)).toList();
  }
}
