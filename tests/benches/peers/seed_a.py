"""The confirmation handler of seed A ("MPesa Integration Guide"), as the seed describes it, for the bench.

Its sections in one handler: "Error Handling" calls "Validate MPesa Requests", then "Handle Duplicate
Payments" (look, then insert, then commit), then "MPesa Sends Confirmation" (the first pending sale of the
same amount) through Flask-SQLAlchemy, on SQLite with SQLite's own durability. What the seed leaves out is
filled in with the least that runs: the parsing of the time, and an answer after a payment that was kept,
where the seed's function returns nothing and Flask would say 500.

    export SEED_A_DATABASE=/folder/seed_a.sqlite
    python3 seed_a.py prepare
    python3 seed_a.py flask PORT | python3 seed_a.py waitress PORT | gunicorn seed_a:app
"""

import os
import sys
from datetime import datetime

from flask import Flask, request
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.environ["SEED_A_DATABASE"]
db = SQLAlchemy(app)


class Shop(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(100), nullable=False)
    till_number = db.Column(db.String(20), unique=True)
    mpesa_shortcode = db.Column(db.String(20))
    mpesa_active = db.Column(db.Boolean, default=False)


class Product(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    stock_quantity = db.Column(db.Integer, nullable=False)


class Sale(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    shop_id = db.Column(db.Integer, db.ForeignKey("shop.id"))
    total_amount = db.Column(db.Float)
    payment_method = db.Column(db.String(20))
    status = db.Column(db.String(20))
    mpesa_receipt = db.Column(db.String(20))
    customer_phone = db.Column(db.String(20))
    customer_name = db.Column(db.String(100))
    items = db.relationship("SaleItem")


class SaleItem(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    sale_id = db.Column(db.Integer, db.ForeignKey("sale.id"))
    product_id = db.Column(db.Integer, db.ForeignKey("product.id"))
    quantity = db.Column(db.Integer)
    product = db.relationship("Product")


class MpesaTransaction(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    # The seed names no index. Without one the look for a duplicate reads the whole table; the bench is
    # kind and gives it one, and does not make it unique, because the seed checks and then inserts.
    transaction_id = db.Column(db.String(20), index=True)
    amount = db.Column(db.Float)
    msisdn = db.Column(db.String(20))
    business_short_code = db.Column(db.String(20))
    transaction_time = db.Column(db.DateTime)
    is_processed = db.Column(db.Boolean)


def validate_mpesa_request(request_data):
    required_fields = ["TransactionType", "TransID", "TransAmount", "BusinessShortCode"]
    for field in required_fields:
        if field not in request_data:
            return False
    shortcode = request_data["BusinessShortCode"]
    if not Shop.query.filter_by(till_number=shortcode).first():
        return False
    amount = float(request_data["TransAmount"])
    if amount <= 0 or amount > 100000:
        return False
    return True


def process_mpesa_payment(data):
    transaction_id = data["TransID"]
    existing = MpesaTransaction.query.filter_by(transaction_id=transaction_id).first()
    if existing:
        return {"ResultCode": 0, "ResultDesc": "Already processed"}
    transaction = MpesaTransaction(
        transaction_id=transaction_id,
        amount=float(data["TransAmount"]),
        msisdn=data["MSISDN"],
        business_short_code=data["BusinessShortCode"],
        transaction_time=datetime.strptime(data["TransTime"], "%Y%m%d%H%M%S"),
        is_processed=False,
    )
    db.session.add(transaction)
    db.session.commit()
    process_transaction(data)
    return {"ResultCode": 0, "ResultDesc": "Success"}


def process_transaction(data):
    amount = float(data["TransAmount"])
    shop = Shop.query.filter_by(till_number=data["BusinessShortCode"]).first()
    sale = Sale.query.filter_by(shop_id=shop.id, total_amount=amount, status="pending").first()
    if sale:
        sale.status = "completed"
        sale.mpesa_receipt = data["TransID"]
        sale.customer_phone = data["MSISDN"]
        sale.customer_name = f"{data['FirstName']} {data['LastName']}"
        db.session.commit()
        for item in sale.items:
            item.product.stock_quantity -= item.quantity
        db.session.commit()


@app.route("/mpesa/c2b/confirmation", methods=["POST"])
def c2b_confirmation():
    try:
        data = request.get_json()
        if not validate_mpesa_request(data):
            return {"ResultCode": 1, "ResultDesc": "Invalid request"}
        return process_mpesa_payment(data)
    except Exception as e:
        app.logger.error(f"MPesa confirmation error: {str(e)}")
        return {"ResultCode": 0, "ResultDesc": "Processed with errors"}


def prepare():
    """Makes the tables and one shop with a few sales that wait for money.

    The sales are soon paid. From then on a payment finds none, which is kind again: with one it would
    cost three commits instead of one."""
    db.create_all()
    db.session.add(Shop(id=1, name="Duka", till_number="123456", mpesa_shortcode="123456", mpesa_active=True))
    db.session.add(Product(id=1, stock_quantity=1000))
    for _ in range(20):
        waiting = Sale(shop_id=1, total_amount=500.0, payment_method="mpesa", status="pending")
        waiting.items.append(SaleItem(product_id=1, quantity=1))
        db.session.add(waiting)
    db.session.commit()


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "prepare":
        with app.app_context():
            prepare()
    elif what == "waitress":
        import waitress

        waitress.serve(app, host="127.0.0.1", port=int(sys.argv[2]), threads=8)
    else:
        app.run(host="127.0.0.1", port=int(sys.argv[2]), threaded=True)
