// The mixed unit without sharing: the multiplier of each format, a multiplexer, one accumulator. The operand of the
// multiplier that rests is held at 0.
module mixed_two_multipliers #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0,
    parameter ACC_BITS = 24,
    parameter CHAIN    = 1
) (
    input  wire                clk,
    input  wire                start,
    input  wire                posit,
    input  wire [3:0]          w,
    input  wire [X_BITS-1:0]   x,
    output wire [ACC_BITS-1:0] acc
);
    wire [4:0]        d_p;
    wire              sign_p;
    wire [X_BITS+3:0] p_fx;
    wire [X_BITS+4:0] p_p;
    wire [3:0]        w_fx = w & {4{~posit}};
    wire [3:0]        w_p  = w & {4{posit}};
    decode_p4 decode_p (.w(w_p), .sign(sign_p), .d(d_p));
    multiply_fx4 #(.X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) mul_f (.x(x), .w(w_fx), .p(p_fx));
    multiply_posit #(.X_BITS(X_BITS), .X_SIGNED(X_SIGNED)) mul_p (.x(x), .d(d_p), .p(p_p));
    accumulator #(.N(X_BITS + 5), .ACC_BITS(ACC_BITS), .CHAIN(CHAIN)) accumulate (
        .clk(clk), .start(start), .p({p_fx[X_BITS+3], p_fx} | p_p), .negate(sign_p & |x), .acc(acc)
    );
endmodule
