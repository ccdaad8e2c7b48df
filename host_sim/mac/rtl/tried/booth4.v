// FixP4, or with MIXED either format, by Booth's radix-4 digits: w = e0 + 4 e1. FixP4 has digits -2 .. 2; Posit4 fits
// the same two rows when e1 may be +-4 as well (3 = 4 - 1, 6 = 8 - 2, 16 = 4 * 4). Each row has its own sign, so
// none is negated as a whole; but each bit of a row needs a selector and an exclusive or.
module booth4 #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1,
    parameter MIXED    = 0
) (
    input  wire                clk,
    input  wire                start,
    input  wire                posit,
    input  wire [3:0]          w,
    input  wire [X_BITS-1:0]   x,
    output wire [ACC_BITS-1:0] acc
);
    localparam P = X_BITS + 4 + MIXED;
    wire       m = MIXED ? posit : 1'b0;
    wire [2:0] a;
    magnitude3 magnitude (.w(w), .m(a));
    // Digits of Posit4 by magnitude code: 1: 1  2: 2  3: 4-1  4: 4  5: 8-2  6: 8  7: 16, negated with the sign.
    wire p_one0  = a[0] & ~a[2];
    wire p_two0  = (a[1] & ~a[0] & ~a[2]) | (a[2] & ~a[1] & a[0]);
    wire p_neg0  = w[3] ^ ((a[1] & a[0]) | a[2]);
    wire p_one1  = (a[1] & a[0] & ~a[2]) | (a[2] & ~a[1] & ~a[0]);
    wire p_two1  = a[2] & (a[1] ^ a[0]);
    wire p_four1 = a[2] & a[1] & a[0];
    wire one0  = m ? p_one0 : w[0];
    wire two0  = m ? p_two0 : w[1] & ~w[0];
    wire neg0  = m ? p_neg0 & (p_one0 | p_two0) : w[1];
    wire one1  = m ? p_one1 : w[2] ^ w[1];
    wire two1  = m ? p_two1 : (w[3] & ~w[2] & ~w[1]) | (~w[3] & w[2] & w[1]);
    wire four1 = m & p_four1;
    wire neg1  = m ? w[3] & (p_one1 | p_two1 | p_four1) : w[3] & ~(w[2] & w[1]);

    wire         s    = X_SIGNED ? x[X_BITS-1] : 1'b0;
    wire [P-1:0] wide = {{P - X_BITS{s}}, x};
    wire [P-1:0] row0 = ((wide & {P{one0}}) | ({wide[P-2:0], 1'b0} & {P{two0}})) ^ {P{neg0}};
    wire [P-1:0] row1 = ((wide & {P{one1}}) | ({wide[P-2:0], 1'b0} & {P{two1}})
                      | ({wide[P-3:0], 2'b0} & {P{four1}})) ^ {P{neg1}};
    // p = row0 + 4 row1 + neg0 + 4 neg1; neg0 is left to the accumulator's carry.
    wire [P-1:0] p;
    assign p[1:0] = row0[1:0];
    ripple_adder #(.N(P - 2), .CARRY(0)) add (.a(row0[P-1:2]), .b(row1[P-3:0]), .ci(neg1), .s(p[P-1:2]), .co());
    accumulator_plus #(.N(P), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p(p), .plus(neg0), .acc(acc)
    );
endmodule

// As accumulator, but acc + p + plus.
module accumulator_plus #(
    parameter N        = 9,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire [N-1:0]        p,
    input  wire                plus,
    output wire [ACC_BITS-1:0] acc
);
    accumulator #(.N(N), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) inner (
        .clk(clk), .start(start), .p(p ^ {N{plus}}), .negate(plus), .acc(acc)
    );
endmodule
