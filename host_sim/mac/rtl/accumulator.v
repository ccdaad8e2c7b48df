// acc <= (start ? 0 : acc) + (negate ? -p : p), modulo 2**ACC_BITS. It wraps and never saturates: lowering proves for
// each layer that no sum leaves the accumulator (SPEC.md 3), so a saturating one would buy nothing.
//
// p is two's complement, N bits. Its lower N-1 bits are added by full adders. What remains for the upper bits is
// carry - sign, which is -1, 0 or 1:
//   CHAIN = 1  a chain that counts up and one that counts down; both rest while nothing is carried
//   CHAIN = 0  the sign goes to full adders in all upper bits: fewer cells, but each change of sign wakes them all

module accumulator #(
    parameter N        = 9,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire [N-1:0]        p,
    input  wire                negate,
    output reg  [ACC_BITS-1:0] acc
);
    wire [ACC_BITS-1:0] old = acc & {ACC_BITS{~start}};
    wire [N-1:0]        q   = p ^ {N{negate}};  // -p = ~p + 1; the 1 is the carry below
    wire [ACC_BITS-1:0] sum;
    wire                carry;
    wire                sign = q[N-1];

    ripple_adder #(.N(N - 1)) low (.a(old[N-2:0]), .b(q[N-2:0]), .ci(negate), .s(sum[N-2:0]), .co(carry));

    genvar i;
    generate
        if (CHAIN) begin : chain
            wire [ACC_BITS:N-1] up;
            wire [ACC_BITS:N-1] down;
            assign up[N-1]   = carry & ~sign;
            assign down[N-1] = sign & ~carry;
            for (i = N - 1; i < ACC_BITS; i = i + 1) begin : bits
                assign sum[i]    = old[i] ^ (up[i] | down[i]);
                assign up[i+1]   = up[i] & old[i];
                assign down[i+1] = down[i] & ~old[i];
            end
        end else begin : extend
            ripple_adder #(.N(ACC_BITS - N + 1), .CARRY(0)) high (
                .a(old[ACC_BITS-1:N-1]), .b({ACC_BITS - N + 1{sign}}), .ci(carry), .s(sum[ACC_BITS-1:N-1]), .co()
            );
        end
    endgenerate

    always @(posedge clk) acc <= sum;
endmodule
