import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;

/**
 * Prints where Java's own client puts keys: the key in hexadecimal, its murmur2, and its partition of 1, 3, 12 and 1000.
 * The vectors of src/base/murmur2.txt are its output:
 *
 * <pre>java -cp "$HOME/.cache/clausum/kafka/4.3.1/*" deploy/kafka/Partitions.java</pre>
 */
public final class Partitions {
    public static void main(String[] arguments) {
        for (int length = 0; length < 16; length++) {
            byte[] key = new byte[length];
            for (int at = 0; at < length; at++) {
                key[at] = (byte) (255 - 37 * at);
            }
            tell(key);
        }
        tell(text("00000000-0000-0000-0000-000000000000"));
        for (int number = 0; number < 40; number++) {
            tell(text(new java.util.UUID(number * 0x9e3779b97f4a7c15L, number * 0xc2b2ae3d27d4eb4fL).toString()));
        }
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void tell(byte[] key) {
        StringBuilder line = new StringBuilder(key.length == 0 ? "-" : "");
        for (byte each : key) {
            line.append(String.format("%02x", each));
        }
        line.append(' ').append(Utils.murmur2(key));
        for (int partitions : new int[] {1, 3, 12, 1000}) {
            line.append(' ').append(BuiltInPartitioner.partitionForKey(key, partitions));
        }
        System.out.println(line);
    }
}
