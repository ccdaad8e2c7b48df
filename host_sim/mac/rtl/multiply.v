// Products p = x * weight, two's complement. X_SIGNED: x is two's complement too; its sign extends every row.

// FixP4: one row for each bit of w; the sign bit's counts -8, so its row is complemented and the adder's carry makes it
// exact. No decoder, no negation.
module multiply_fx4 #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0
) (
    input  wire [X_BITS-1:0] x,
    input  wire [3:0]        w,
    output wire [X_BITS+3:0] p
);
    localparam X = X_BITS;
    wire [X:0] wide = {X_SIGNED ? x[X-1] : 1'b0, x};
    wire [X:0] row0 = wide & {X + 1{w[0]}};
    wire [X:0] row1 = wide & {X + 1{w[1]}};
    wire [X:0] row2 = wide & {X + 1{w[2]}};
    wire [X:0] row3 = ~(wide & {X + 1{w[3]}});
    wire [X:0] s1;  // row1 + row0 / 2: |s1| < 1.5 * 2**X, as is |s2|
    wire [X:0] s2;
    wire [X:0] s3;
    ripple_adder #(.N(X + 1), .CARRY(0)) add1 (.a({row0[X], row0[X:1]}), .b(row1), .ci(1'b0), .s(s1), .co());
    wire sign1 = X_SIGNED ? s1[X] : 1'b0;
    ripple_adder #(.N(X + 1), .CARRY(0)) add2 (.a({sign1, s1[X:1]}), .b(row2), .ci(1'b0), .s(s2), .co());
    wire sign2 = X_SIGNED ? s2[X] : 1'b0;
    ripple_adder #(.N(X + 1), .CARRY(0)) add3 (.a({sign2, s2[X:1]}), .b(row3), .ci(1'b1), .s(s3), .co());
    assign p = {s3, s2[0], s1[0], row0[0]};
endmodule

// By the digits of decode.v: x * (d[0] + 2 d[1] + 4 d[2] + 8 d[3] + 16 d[4]). At most one of d[2], d[3] and d[4] is
// set, so they select among shifts of x: three rows, two adders.
module multiply_digits #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0,
    parameter P_BITS   = X_BITS + 5  // without digit 4, one less
) (
    input  wire [X_BITS-1:0] x,
    input  wire [4:0]        d,
    output wire [P_BITS-1:0] p
);
    localparam TOP = P_BITS - (X_SIGNED ? 0 : 1);  // bits that an adder makes; the sign of an unsigned product is 0
    wire              s    = X_SIGNED ? x[X_BITS-1] : 1'b0;
    wire [P_BITS-1:0] wide = {{P_BITS - X_BITS{s}}, x};
    wire [P_BITS-1:0] row0 = wide & {P_BITS{d[0]}};
    wire [P_BITS-1:0] row1 = wide & {P_BITS{d[1]}};
    wire [P_BITS-1:0] row2 = (wide & {P_BITS{d[2]}}) | ({wide[P_BITS-2:0], 1'b0} & {P_BITS{d[3]}})
                           | ({wide[P_BITS-3:0], 2'b0} & {P_BITS{d[4]}});
    wire [P_BITS-1:0] low;  // row0 + 2 row1: at most 3 x, so X_BITS + 2 bits
    assign low[0] = row0[0];
    ripple_adder #(.N(X_BITS + 1), .CARRY(0)) add1 (
        .a(row0[X_BITS+1:1]), .b(row1[X_BITS:0]), .ci(1'b0), .s(low[X_BITS+1:1]), .co()
    );
    assign low[P_BITS-1:X_BITS+2] = {P_BITS - X_BITS - 2{X_SIGNED ? low[X_BITS+1] : 1'b0}};
    assign p[1:0] = low[1:0];
    ripple_adder #(.N(TOP - 2), .CARRY(0)) add2 (
        .a(low[TOP-1:2]), .b(row2[TOP-3:0]), .ci(1'b0), .s(p[TOP-1:2]), .co()
    );

    generate
        if (!X_SIGNED) begin : positive
            assign p[P_BITS-1] = 1'b0;
        end
    endgenerate
endmodule

// By the digits of a posit: besides, d[1] never meets d[3] or d[4], and d[0] only d[1]. So d[0], d[2], d[3] and d[4]
// share one row; d[1] is the other, and only 3 = 1 + 2 and 6 = 4 + 2 carry: up to bit X_BITS + 2.
module multiply_posit #(
    parameter X_BITS   = 4,
    parameter X_SIGNED = 0
) (
    input  wire [X_BITS-1:0] x,
    input  wire [4:0]        d,
    output wire [X_BITS+4:0] p
);
    localparam N = X_BITS + 5;
    wire         s    = X_SIGNED ? x[X_BITS-1] : 1'b0;
    wire [N-1:0] wide = {{5{s}}, x};
    wire [N-1:0] row0 = (wide & {N{d[0]}}) | ({wide[N-3:0], 2'b0} & {N{d[2]}})
                      | ({wide[N-4:0], 3'b0} & {N{d[3]}}) | ({wide[N-5:0], 4'b0} & {N{d[4]}});
    wire [N-1:0] row1 = wide & {N{d[1]}};
    assign p[0] = row0[0];
    generate
        if (X_SIGNED) begin : signed_x
            ripple_adder #(.N(N - 1), .CARRY(0)) add (
                .a(row0[N-1:1]), .b(row1[N-2:0]), .ci(1'b0), .s(p[N-1:1]), .co()
            );
        end else begin : unsigned_x
            wire carry;
            ripple_adder #(.N(X_BITS + 1)) add (
                .a(row0[X_BITS+1:1]), .b(row1[X_BITS:0]), .ci(1'b0), .s(p[X_BITS+1:1]), .co(carry)
            );
            assign p[X_BITS+2] = row0[X_BITS+2] | carry;
            assign p[N-1:X_BITS+3] = row0[N-1:X_BITS+3];
        end
    endgenerate
endmodule
